package gate

import (
	"slices"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Decide holds what a request does against what its tokens may do. The rights
// of several tokens add up: it returns those that allow some of it if together
// they allow all of it, or else all of them, with what they don't allow and why.
// by is what the first that it does counts for with the first of these tokens.
func Decide(tokens Tokens, catalog *permission.Catalog, does *Matches) (allowing Tokens, m permission.Match, by string, reason Reason) {
	if does.Override && !tokens.mayAll() {
		return tokens, does.First, "", MethodOverride
	}
	if does.Free {
		return tokens, does.First, "", Allow
	}
	allowing, by, reason = allowedBy(tokens, catalog, does.First)
	if reason != Allow {
		return allowing, does.First, "", reason
	}
	for _, m := range does.Rest { // there are nearly never any
		some, _, reason := allowedBy(tokens, catalog, m)
		if reason != Allow {
			return some, m, "", reason
		}
		allowing.join(some)
	}
	return allowing, does.First, by, Allow
}

// allowedBy returns the tokens that allow one operation, and what that counts for
// with the first, or all of them with the reason why not.
func allowedBy(tokens Tokens, catalog *permission.Catalog, m permission.Match) (allowing Tokens, by string, reason Reason) {
	for k := range tokens.all {
		counts, allowed, err := k.allows(catalog, m)
		if err != nil {
			return Tokens{First: k}, "", UnreadableToken
		}
		if !allowed {
			continue
		}
		if allowing.First == nil {
			by = counts
		}
		allowing.add(k)
	}
	if allowing.First == nil {
		return tokens, "", MissingPermission
	}
	return allowing, by, Allow
}

// allows reports whether the token allows an operation, and what it counts for
// then: a permission of the catalog, or a grant written out if only that allows it.
// Nothing else, lest clients choose how many names are counted.
func (k *Known) allows(catalog *permission.Catalog, m permission.Match) (by string, allowed bool, err error) {
	switch k.Token.Type {
	case token.FullAccess:
		return catalog.Name(m), true, nil
	case token.ReadOnly:
		return catalog.Name(m), catalog.Reads(m), nil
	case token.Custom:
		grants, err := k.grants(catalog)
		if err != nil {
			return "", false, err
		}
		by, allowed = grants.By(m)
		return by, allowed, nil
	}
	return "", false, nil // a type that this version does not know allows nothing
}

// counted is what a request counts for with one of its tokens.
type counted struct {
	known *Known
	by    string // a permission, or a grant written out
}

// countAll returns all that an allowed request counts for, but what it does first
// with the first of its tokens. It counts once for each permission.
func countAll(tokens Tokens, catalog *permission.Catalog, does *Matches, by string) (more []counted) {
	for k := range tokens.all {
		for m := range does.all {
			name, allowed, err := k.allows(catalog, m)
			c := counted{k, name}
			if err == nil && allowed && c != (counted{tokens.First, by}) && !slices.Contains(more, c) {
				more = append(more, c)
			}
		}
	}
	return more
}
