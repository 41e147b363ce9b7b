package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// judge holds tokens against what an actor may hand out. It lives as long as one transaction.
type judge struct {
	service *Service
	reader  store.Reader
	role    store.Role
	through *acting // what the actor acts through; nil if that is no token
	covers  map[string]*cover
	// verdicts are those of mightier, by the API, type and grants of tokens: many have the same.
	verdicts map[[sha256.Size]byte]bool
}

// judge returns a judge of the tokens that the actor makes or changes.
func (s *Service) judge(r store.Reader, a *Actor) *judge {
	made := &judge{service: s, reader: r, role: a.role, through: a.acting, covers: map[string]*cover{}}
	if memo := memoOf(r); memo != nil && memo.who == a {
		if memo.judges == nil {
			memo.judges = made
		}
		return memo.judges
	}
	return made
}

// excess returns what of the token is more than may be handed out: nil if nothing is.
func (j *judge) excess(ctx context.Context, t *token.Token) (FieldErrors, error) {
	var p FieldErrors
	c := &j.role.Ceiling
	if c.APIs != nil && !slices.Contains(c.APIs, t.API) {
		p.addf("api", "your role %s may hand out tokens of %s only", j.role.Name, strings.Join(c.APIs, ", "))
	}
	if types := typesOf(c); !slices.Contains(types, t.Type) {
		p.addf("type", "your role %s may hand out %s only", j.role.Name, joinTypes(types))
	}
	if c.Grants != nil && t.Type == token.Custom {
		cover, err := j.cover(ctx, t.API, c.Grants)
		if err != nil {
			return nil, err
		}
		known := cover.beyond(t.Grants, func(grant string) {
			p.addf("grants", "your role %s may not hand out %s", j.role.Name, grant)
		})
		if !known {
			p.addf("grants", "are too many and too alike to be compared with those that your role %s may hand out; write fewer, or shorter ones", j.role.Name)
		}
	}
	if j.through != nil && t.API == ManagementAPI {
		j.beyondActing(t, &p)
	}
	return p, nil
}

// beyondActing adds what a token that acts for somebody has beyond the token that
// makes or changes it: else a script could give itself what it was not given.
func (j *judge) beyondActing(t *token.Token, p *FieldErrors) {
	acting := j.through.token
	if ends := acting.Expiry; !ends.IsZero() && (t.Expiry.IsZero() || t.Expiry.After(ends)) {
		p.addf("duration", "the token that you use ends at %s, and can't make or change one that works longer", ends.Format("2006-01-02T15:04Z"))
	}
	switch {
	case acting.Type == token.FullAccess:
		return
	case acting.Type != token.Custom || t.Type != token.Custom:
		p.addf("type", "the token that you use is %s, and can't make or change one that is %s", acting.Type, t.Type)
		return
	}
	known := j.through.cover.beyond(t.Grants, func(grant string) {
		p.addf("grants", "the token that you use lacks %s itself", grant)
	})
	if !known {
		p.addf("grants", "are too many and too alike to be compared with those of the token that you use; write fewer, or shorter ones")
	}
}

// refuse is excess for actions that have no fields.
func (j *judge) refuse(ctx context.Context, right Right, t *token.Token) error {
	p, err := j.excess(ctx, t)
	if err != nil || len(p) == 0 {
		return err
	}
	return forbidden(right, "the token may do more than you may hand out (%v)", p)
}

func (j *judge) cover(ctx context.Context, api string, grants []string) (*cover, error) {
	if known := j.covers[api]; known != nil {
		return known, nil
	}
	catalog, err := j.service.compiled(ctx, j.reader, api)
	if _, unknown := errors.AsType[FieldErrors](err); unknown {
		catalog, err = permission.NewCatalog(nil)
	}
	if err != nil {
		return nil, err
	}
	j.covers[api] = newCover(catalog, grants)
	return j.covers[api], nil
}

// typesOf returns the types that the ceiling allows. A list of grants leaves out
// the other types, whose rights it does not bound, unless they are named.
func typesOf(c *store.Ceiling) []token.Type {
	switch {
	case c.Types != nil:
		return c.Types
	case c.Grants != nil:
		return []token.Type{token.Custom}
	default:
		return token.Types()
	}
}

func joinTypes(types []token.Type) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}
