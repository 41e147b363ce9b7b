// Package texts has all that the pages say, by key. Another language would be
// another set of these files.
package texts

import (
	"fmt"
	"maps"
	"strings"
)

var all = merged(
	layout, fields, session, failures, times,
	list, edit, secret, token, tryIt, apis, drafts, accounts, roles, audit, self,
)

func merged(sets ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}

// Get returns a text, with arguments as in fmt. An unknown key is returned as it
// is; the tests see to it that there is none.
func Get(key string, args ...any) string {
	text, ok := all[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Has reports whether there is a text of a key.
func Has(key string) bool {
	_, ok := all[key]
	return ok
}

// Count returns the text for a number: that of key.one or key.other, in which {n}
// stands for the number.
func Count[N int | uint64](key string, n N) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return strings.ReplaceAll(Get(key+form), "{n}", Number(n))
}

// Number writes a number with commas between thousands.
func Number[N int | uint64](n N) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
