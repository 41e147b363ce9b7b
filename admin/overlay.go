package admin

import (
	"cmp"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// overlaid is a token with its draft.
type overlaid struct {
	live  *token.Token // nil if there is none
	draft *store.Draft // nil if there is none
	bad   bool         // there is a draft that can't be understood
}

// token returns the token as whoever changes it has to see it. It says that it is drafted
// only if it is: where changes hold at once, a draft of before stays aside.
func (o *overlaid) token(drafting bool) token.Token {
	switch {
	case o.draft == nil || !drafting && o.live != nil:
		return *o.live
	case o.draft.Token == nil: // until its API is updated it is there
		t := *cmp.Or(o.live, o.draft.Base)
		t.Draft, t.Version = token.DraftDelete, o.draft.Version
		return t
	}
	t := merge(o.draft, o.live)
	t.Draft, t.Version = draftKind(o.draft), o.draft.Version
	return t
}

// draftKind returns what a draft does; nothing if it is nil.
func draftKind(d *store.Draft) token.Draft {
	switch {
	case d == nil:
		return ""
	case d.Token == nil:
		return token.DraftDelete
	case d.Base == nil:
		return token.DraftCreate
	default:
		return token.DraftUpdate
	}
}

// merge returns the token as a draft will make it: what differs between what it was made
// from and what was drafted, over the token as it works now, so that what was done to
// that at once stays.
func merge(d *store.Draft, live *token.Token) token.Token {
	t := *d.Token
	if d.Base != nil && live != nil {
		t = *live
		over(&t.Name, d.Base.Name, d.Token.Name)
		over(&t.Description, d.Base.Description, d.Token.Description)
		over(&t.Owner, d.Base.Owner, d.Token.Owner)
		over(&t.Enabled, d.Base.Enabled, d.Token.Enabled)
		if !d.Base.Expiry.Equal(d.Token.Expiry) {
			t.Expiry = d.Token.Expiry
		}
		if d.Base.Type != d.Token.Type || !slices.Equal(d.Base.Grants, d.Token.Grants) {
			t.Type, t.Grants = d.Token.Type, slices.Clone(d.Token.Grants) // neither means anything alone
		}
		t.Updated = d.Token.Updated
	}
	if d.Secret != nil {
		t.Hint = d.Secret.Hint
	}
	return t
}

func over[T comparable](field *T, base, drafted T) {
	if base != drafted {
		*field = drafted
	}
}

// next returns the draft that a change of the token at the given time begins with.
func (o *overlaid) next(now time.Time) store.Draft {
	if o.draft == nil {
		return store.Draft{TokenID: o.live.ID, API: o.live.API, Base: o.live, Token: new(*o.live), Created: now}
	}
	d := *o.draft
	if o.live != nil { // so that what was done at once is not undone by a later change of the draft
		d.Base, d.Token = new(*o.live), new(merge(o.draft, o.live))
	}
	return d
}

func changesNothing(d *store.Draft) bool {
	if d.Base == nil || d.Token == nil || d.Secret != nil {
		return false
	}
	was, is := tokenFields(d.Base), tokenFields(d.Token)
	return len(differing(was, is)) == 0
}
