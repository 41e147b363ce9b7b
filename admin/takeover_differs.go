package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/token"
)

// differs says in what the token that is here differs from what the other system
// says of it. Its name and owner may be others.
func (f *foreign) differs(here *token.Token) (found []string) {
	there := &f.token
	differ := func(what, here, there string) {
		if here != there {
			found = append(found, fmt.Sprintf("%s is %s here, %s there", what, here, there))
		}
	}
	differ("type", string(here.Type), string(there.Type))
	if missing := without(there.Grants, here.Grants); len(missing) > 0 {
		found = append(found, "not granted here: "+strings.Join(missing, ", "))
	}
	if more := without(here.Grants, there.Grants); len(more) > 0 {
		found = append(found, "granted here alone: "+strings.Join(more, ", "))
	}
	if !f.relative {
		differ("expiry", expiryText(here), cmp.Or(f.unread, expiryText(there)))
	}
	differ("it", enabledText(here), enabledText(there))
	if here.Description != there.Description {
		found = append(found, "the descriptions differ")
	}
	return found
}

// without returns what of one list is not in the other.
func without(list, other []string) (rest []string) {
	for _, s := range list {
		if !slices.Contains(other, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func expiryText(t *token.Token) string {
	if t.Expiry.IsZero() {
		return "unlimited"
	}
	return t.Expiry.UTC().Format("2006-01-02T15:04:05.999Z")
}

func enabledText(t *token.Token) string {
	if t.Enabled {
		return "enabled"
	}
	return "disabled"
}
