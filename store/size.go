package store

import "github.com/tokenreeve/tokenreeve/token"

// PageBytes is how much a page has of tokens or events, beside the last one on it: a few of
// them are as large as thousands of others.
const PageBytes = 2 << 20

// TokenSize returns how many bytes the texts of a token have.
func TokenSize(t *token.Token) int {
	return sum(t.ID, t.API, t.Name, t.Description, string(t.Type), t.Owner, t.Hint) + token.GrantBytes(t.Grants)
}

// EventSize returns how many bytes the texts of an event have.
func EventSize(e *Event) int {
	return len(e.Before) + len(e.After) + sum(e.Actor, e.Via, e.Token, e.Address, e.Action, e.Subject, e.Name, e.API, e.Owner)
}

func sum(texts ...string) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}
