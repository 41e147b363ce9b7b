package ui

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// roleView is a role with what it may do in words.
type roleView struct {
	admin.RoleRecord

	Words  []string // each goes on after "may"
	AtMost []string // what it hands out; none if that is not bounded
}

func newRoleView(r admin.RoleRecord) roleView {
	v := roleView{RoleRecord: r}
	v.Words = append(v.Words, tokenWords(&r)...)
	switch {
	case r.Accounts:
		v.Words = append(v.Words, texts.Get("role.words.accounts"))
	case r.Audit:
		v.Words = append(v.Words, texts.Get("role.words.see-accounts"))
	}
	if r.Audit {
		v.Words = append(v.Words, texts.Get("role.words.audit"))
	}
	if handsOut(&r) {
		v.AtMost = ceilingWords(&r.Ceiling)
	}
	return v
}

func viewsOf(roles []admin.RoleRecord) []roleView {
	views := make([]roleView, len(roles))
	for i := range roles {
		views[i] = newRoleView(roles[i])
	}
	return views
}

// scopeOf is one thing that a role may do with tokens, by the name of its field.
type scopeOf struct {
	Field string
	Scope store.Scope
}

// HandsOut reports whether accounts of the role can give tokens rights or secrets.
func (v roleView) HandsOut() bool { return handsOut(&v.RoleRecord) }

// Scopes are what the role may do with whose tokens.
func (v roleView) Scopes() []scopeOf { return scopesOf(&v.RoleRecord) }

func scopesOf(r *admin.RoleRecord) []scopeOf {
	return []scopeOf{{"read", r.Read}, {"create", r.Create}, {"update", r.Update}, {"regenerate", r.Regenerate}, {"delete", r.Delete}}
}

// handsOut reports whether the ceiling of the role bounds anything.
func handsOut(r *admin.RoleRecord) bool {
	return slices.ContainsFunc(scopesOf(r)[1:4], func(s scopeOf) bool { return s.Scope == store.Own || s.Scope == store.All })
}

// tokenWords says what may be done with everybody's tokens, and what with one's own.
func tokenWords(r *admin.RoleRecord) []string {
	var words []string
	for _, scope := range []store.Scope{store.All, store.Own} {
		var verbs []string
		for _, s := range scopesOf(r) {
			if s.Scope == scope {
				verbs = append(verbs, texts.Get("role.verb."+s.Field))
			}
		}
		if len(verbs) > 0 {
			words = append(words, capital(texts.Get("role.words."+string(scope), and(verbs))))
		}
	}
	if len(words) == 0 {
		words = append(words, texts.Get("role.words.none"))
	}
	return words
}

func ceilingWords(c *admin.CeilingRecord) []string {
	var words []string
	if c.APIs != nil {
		words = append(words, texts.Get("role.most.apis", and(c.APIs)))
	}
	switch {
	case c.Types != nil:
		words = append(words, texts.Get("role.most.types", and(names(c.Types))))
	case c.Grants != nil: // other types are not bounded by grants, so they are left out
		words = append(words, texts.Get("role.most.types", string(token.Custom)))
	}
	if c.Grants != nil {
		words = append(words, texts.Get("role.most.grants", and(c.Grants)))
	}
	return words
}

func names[T ~string](all []T) []string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return texts
}

// and joins words as in "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return texts.Get("role.and", strings.Join(words[:last], ", "), words[last])
}

// capital makes the first letter a capital.
func capital(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToUpper(text[:size]) + text[size:]
}
