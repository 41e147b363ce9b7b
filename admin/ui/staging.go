package ui

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// staged reports whether what changes about a token is a draft first.
func (u *ui) staged(c *call, t *token.Token) (bool, error) {
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	return isStaged(catalogs, t), err
}

// isStaged is staged by what is known of all APIs. Of nil it is false.
func isStaged(catalogs []store.Catalog, t *token.Token) bool {
	return t != nil && (t.Draft == token.DraftCreate ||
		slices.ContainsFunc(catalogs, func(c store.Catalog) bool { return c.API == t.API && c.Staged }))
}

// changeable is a token for who changes it.
type changeable struct {
	token.Token // as it is drafted, if what changes is a draft first

	Staged    bool
	NewSecret string // the hint of a new secret that is drafted already; empty if there is none
}

// changeable returns a token as its next change begins with it.
func (u *ui) changeable(c *call, id string) (changeable, error) {
	t, err := u.find(c, id)
	if err != nil {
		return changeable{Token: t}, err
	}
	staged, err := u.staged(c, &t)
	if err != nil || !staged || t.Draft == "" {
		return changeable{Token: t, Staged: staged}, err
	}
	d, err := u.Service.Draft(c.r.Context(), c.actor, id)
	if err != nil {
		return changeable{}, err
	}
	ch := changeable{Token: t, Staged: true, NewSecret: d.NewSecret}
	if d.Drafted != nil {
		ch.Token = tokenOf(d.Drafted)
	}
	if d.Kind == token.DraftCreate {
		ch.NewSecret = d.Drafted.Hint
	}
	return ch, nil
}

// tokenOf returns the token that a record is of.
func tokenOf(r *admin.Record) token.Token {
	t := token.Token{
		ID: r.ID, API: r.API, Name: r.Name, Description: r.Description, Type: r.Type, Grants: slices.Clone(r.Grants),
		Owner: r.Owner, Enabled: r.Enabled, Hint: r.Hint, Expiry: timeOf(r.Expiry), Created: timeOf(r.Created),
		Updated: timeOf(r.Updated), LastUsed: timeOf(r.LastUsed), Version: r.Version,
	}
	if r.Draft != nil {
		t.Draft = *r.Draft
	}
	return t
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// draftError says why something can't be drafted: the token is to be deleted, or there are
// too many drafts.
type draftError struct{ problems admin.FieldErrors }

// Error is what is wrong, without the names of fields.
func (e draftError) Error() string {
	lines := make([]string, len(e.problems))
	for i, p := range e.problems {
		lines[i] = p.Problem
	}
	return strings.Join(lines, "; ")
}

// asDraftError makes problems of a change that has no fields a draftError.
func asDraftError(err error) error {
	if problems, ok := errors.AsType[admin.FieldErrors](err); ok {
		return draftError{problems}
	}
	return err
}

// saved says what became of a change: it holds, it is a draft, or there is none of it
// since the token works like this already.
func saved(t *token.Token, staged bool, holds string) string {
	switch {
	case !staged:
		return holds
	case t.Draft == "":
		return "draft-same"
	default:
		return "draft-saved"
	}
}

// draftCount is how many drafts of an API whoever looks may see.
type draftCount struct {
	API string
	N   int
}

// draftCounts returns the APIs that have drafts.
func (u *ui) draftCounts(c *call) ([]draftCount, error) {
	apis, err := u.Service.APIs(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	var counts []draftCount
	for i := range apis {
		if n := apis[i].Drafts; n != nil && *n > 0 {
			counts = append(counts, draftCount{apis[i].API, *n})
		}
	}
	return counts, nil
}
