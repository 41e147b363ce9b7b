package ui

import (
	"maps"
	"net/http"
	"slices"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// overreach asks what becomes of tokens that are mightier than a role allows,
// before the change that makes them so is saved.
type overreach struct {
	Action string // where the form goes, with all that it came with and the answer
	Kept   []kept
	Tokens []admin.Record // those that may be seen
	Unseen int            // how many more there are
	Count  int            // of both
	Fixed  bool           // some of them can't be disabled by who is asked
	Role   string         // that they are mightier than
	Owner  string         // of all of them; empty if there are several
	Here   string
}

// kept is a field of a form that is sent again as it is.
type kept struct{ Name, Value string }

// The answers to what becomes of the tokens.
const (
	disableTokens = "disable"
	keepTokens    = "keep"
)

// answered reports whether the form says what becomes of mightier tokens.
func (c *call) answered() bool {
	return slices.Contains([]string{disableTokens, keepTokens}, c.value("overreach"))
}

// goesBack reports whether somebody wants to see the form again, and save nothing.
func (c *call) goesBack() bool { return c.value("back") != "" }

// showOverreach asks; the form that came goes along.
func (u *ui) showOverreach(c *call, o overreach, found *admin.Overreach) error {
	o.Tokens, o.Unseen, o.Count = u.records(found.Tokens), found.Unseen, found.Count()
	o.Fixed = o.Unseen > 0 || slices.ContainsFunc(found.Tokens, func(t token.Token) bool { return !c.actor.May(admin.TokenUpdate, &t) })
	for _, name := range slices.Sorted(maps.Keys(c.r.PostForm)) {
		for _, value := range c.r.PostForm[name] {
			if name != "overreach" {
				o.Kept = append(o.Kept, kept{name, value})
			}
		}
	}
	return u.show(c, http.StatusOK, "overreach", page{Title: "overreach.title", Here: o.Here, Body: &o})
}

func (u *ui) records(tokens []token.Token) []admin.Record {
	records := make([]admin.Record, len(tokens))
	for i := range tokens {
		records[i] = u.Service.Record(&tokens[i])
	}
	return records
}
