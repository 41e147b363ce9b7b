package gate

import (
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Decide holds what a request does against what its tokens may do. The rights
// of several tokens add up: it returns those that allow some of it if together
// they allow all of it, or else all of them, with what they don't allow and why.
func Decide(tokens Tokens, catalog *permission.Catalog, does *Matches) (Tokens, permission.Match, Reason) {
	if does.Override && !tokens.mayAll() {
		return tokens, does.First, MethodOverride
	}
	if does.Free {
		return tokens, does.First, Allow
	}
	if does.Rest == nil { // nearly always
		allowing, reason := allowedBy(tokens, catalog, does.First)
		return allowing, does.First, reason
	}
	var allowing Tokens
	for m := range does.all {
		some, reason := allowedBy(tokens, catalog, m)
		if reason != Allow {
			return some, m, reason
		}
		allowing.join(some)
	}
	return allowing, does.First, Allow
}

// allowedBy returns the tokens that allow one operation, or all of them with the reason why not.
func allowedBy(tokens Tokens, catalog *permission.Catalog, m permission.Match) (Tokens, Reason) {
	var allowing Tokens
	for k := range tokens.all {
		allowed, err := k.allows(catalog, m)
		if err != nil {
			return Tokens{First: k}, UnreadableToken
		}
		if allowed {
			allowing.add(k)
		}
	}
	if allowing.First == nil {
		return tokens, MissingPermission
	}
	return allowing, Allow
}

func (k *Known) allows(catalog *permission.Catalog, m permission.Match) (bool, error) {
	switch k.Token.Type {
	case token.FullAccess:
		return true, nil
	case token.ReadOnly:
		return catalog.Reads(m), nil
	case token.Custom:
		grants, err := k.grants(catalog)
		return err == nil && grants.Allow(m), err
	}
	return false, nil // a type that this version does not know allows nothing
}
