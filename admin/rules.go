package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// NewToken is a token as somebody asks for it.
type NewToken struct {
	API         string
	Name        string
	Description string
	Type        token.Type
	Duration    string   // as token.ParseDuration reads it
	Grants      []string // of a custom token, and only of such
	Owner       string
}

// Edit is what shall change about a token. Fields that are nil stay as they are.
type Edit struct {
	Version     int64 // the version that the edit was made from, to keep two editors apart; zero is any
	Name        *string
	Description *string
	Type        *token.Type
	Duration    *string // as token.ParseDuration reads it, from now
	Grants      *[]string
	Owner       *string
}

// token returns the token that is asked for. API and grants are left to
// checkRights, which has to ask the store.
func (d NewToken) token(id string, now time.Time) (token.Token, FieldErrors, error) {
	var p FieldErrors
	t := token.Token{
		ID: id, API: d.API, Name: d.Name, Description: d.Description, Type: d.Type, Owner: d.Owner,
		Grants: slices.Clone(d.Grants), Enabled: true, Created: now, Updated: now, Version: 1,
	}
	expiry, err := token.ParseDuration(d.Duration, now)
	t.Expiry = expiry
	if err := p.add(err); err != nil {
		return t, nil, err
	}
	return t, p, checkFields(&t, &p)
}

// apply returns the token as it is after the edit.
func (e Edit) apply(t token.Token, now time.Time) (token.Token, FieldErrors, error) {
	var p FieldErrors
	set(&t.Name, e.Name)
	set(&t.Description, e.Description)
	set(&t.Type, e.Type)
	set(&t.Owner, e.Owner)
	switch {
	case e.Grants != nil:
		t.Grants = slices.Clone(*e.Grants)
	case t.Type != token.Custom:
		t.Grants = nil
	}
	if e.Duration != nil {
		expiry, err := token.ParseDuration(*e.Duration, now)
		t.Expiry = expiry
		if err := p.add(err); err != nil {
			return t, nil, err
		}
	}
	t.Updated = now
	return t, p, checkFields(&t, &p)
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// checkFields checks what can be checked by looking at one field alone.
func checkFields(t *token.Token, p *FieldErrors) error {
	_, badType := token.ParseType(string(t.Type))
	badName, badDescription := token.CheckName(t.Name), token.CheckDescription(t.Description)
	if ContainsSecret(t.Name) { // which the other problem may repeat
		badName = &token.FieldError{Field: "name", Problem: hasSecret}
	}
	if ContainsSecret(t.Description) {
		badDescription = &token.FieldError{Field: "description", Problem: hasSecret}
	}
	badOwner := token.CheckOwner(t.Owner)
	if ContainsSecret(t.Owner) {
		badOwner = &token.FieldError{Field: "owner", Problem: hasSecret}
	}
	for _, err := range []error{badName, badDescription, badType, badOwner} {
		if err := p.add(err); err != nil {
			return err
		}
	}
	if strings.HasPrefix(t.Name, token.Prefix) && !ContainsSecret(t.Name) {
		p.addf("name", "begins like a secret, and a name is no secret; choose another")
	}
	return nil
}

// hasSecret is what is wrong with a text that everybody who sees the token, role or account reads.
const hasSecret = "has a secret in it, which others would read here; leave it out, and give the token that it belongs to a new one"

// checkRights checks the grants against the catalog of the token's API, which
// must be known. held are grants that the token had already: those stay even if
// their permission is gone, and if all are held nothing is asked of the catalog. m is
// what was found out about the grants before; nil if nothing was.
func (s *Service) checkRights(ctx context.Context, r store.Reader, t *token.Token, held []string, m *matching, p *FieldErrors) error {
	if t.Type != token.Custom {
		if len(t.Grants) > 0 {
			p.addf("grants", "only a custom token has grants; make it custom, or leave them out")
		}
		return nil
	}
	switch {
	case len(t.Grants) == 0:
		p.addf("grants", "a custom token needs at least one grant, such as article.find or GET /api/articles")
		return nil
	case len(t.Grants) > token.MaxGrants:
		p.addf("grants", "there are %d; at most %d are allowed", len(t.Grants), token.MaxGrants)
		return nil
	case token.GrantBytes(t.Grants) > token.MaxGrantBytes && !includes(held, t.Grants):
		p.addf("grants", "have %d bytes together; at most %d are allowed, so write shorter ones, or permissions for several operations", token.GrantBytes(t.Grants), token.MaxGrantBytes)
		return nil
	}
	return s.checkGrants(ctx, r, t, held, m, p)
}

func (s *Service) checkGrants(ctx context.Context, r store.Reader, t *token.Token, held []string, m *matching, p *FieldErrors) error {
	var catalog *permission.Catalog
	seen := map[string]bool{}
	known := len(*p)
	for _, grant := range t.Grants {
		if ContainsSecret(grant) { // which the other problems would repeat
			p.addf("grants", hasSecret)
			continue
		}
		if seen[grant] {
			p.addf("grants", "%q stands there twice", grant)
		}
		if seen[grant] || slices.Contains(held, grant) {
			seen[grant] = true
			continue
		}
		seen[grant] = true
		if len(grant) > token.MaxGrant {
			p.addf("grants", "one has %d bytes; at most %d are allowed", len(grant), token.MaxGrant)
			continue
		}
		if catalog == nil {
			var err error
			if catalog, err = s.compiled(ctx, r, t.API); err != nil {
				return p.add(err)
			}
		}
		if err := cmp.Or(catalog.CheckGrant(grant), permission.CheckSegments(grant)); err != nil {
			p.addf("grants", "%v", err)
		}
	}
	if catalog != nil && len(*p) == known {
		// Each is right; together they must not be too much to match.
		if err := m.of(t.Grants); err != nil {
			p.addf("grants", "%v", err)
		}
	}
	return nil
}

// matching says whether grants can be matched together. To find that out takes long for some
// grants, so it is done before the transaction in which everybody's changes wait.
type matching struct {
	grants []string
	err    error
}

// newMatching returns nil for grants that are refused whatever they match, or that the actor has no
// right to give.
func newMatching(actor *Actor, right Right, grants []string) *matching {
	long := func(grant string) bool { return len(grant) > token.MaxGrant }
	tooMuch := len(grants) > token.MaxGrants || token.GrantBytes(grants) > token.MaxGrantBytes
	if actor.needAny(right) != nil || tooMuch || slices.ContainsFunc(grants, long) {
		return nil
	}
	return &matching{slices.Clone(grants), permission.CheckTogether(grants)}
}

// of returns why the grants can't be matched together.
func (m *matching) of(grants []string) error {
	if m != nil && slices.Equal(m.grants, grants) {
		return m.err
	}
	return permission.CheckTogether(grants)
}
