package admin

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var roleName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// reach orders scopes; those that nobody knows reach nowhere.
var reach = map[store.Scope]int{store.None: 0, store.Own: 1, store.All: 2}

// scopes returns the scopes of a role by the names of their fields.
func scopes(r *store.Role) []struct {
	field string
	scope store.Scope
} {
	return []struct {
		field string
		scope store.Scope
	}{{"read", r.Read}, {"create", r.Create}, {"update", r.Update}, {"regenerate", r.Regenerate}, {"delete", r.Delete}}
}

// checkRole checks the fields of a role. What it had already may stay, even if a
// catalog has it no longer.
func (s *Service) checkRole(ctx context.Context, r store.Reader, role, old *store.Role) error {
	var p FieldErrors
	if !roleName.MatchString(role.Name) {
		p.addf("name", "%q can't name a role; use a lower-case letter, then up to 63 lower-case letters, digits, '-' and '_'", role.Name)
	}
	if ContainsSecret(role.Description) {
		p.addf("description", hasSecret)
	} else if err := p.add(token.CheckDescription(role.Description)); err != nil {
		return err
	}
	for _, f := range scopes(role) {
		if _, known := reach[f.scope]; !known {
			p.addf(f.field, "%q is not a scope; use none, own or all", f.scope)
		} else if reach[f.scope] > reach[role.Read] {
			p.addf(f.field, "reaches further than read; nobody can do something with tokens that they may not see")
		}
	}
	if err := s.checkCeilingFields(ctx, r, role, old, &p); err != nil {
		return err
	}
	return p.err()
}

func (s *Service) checkCeilingFields(ctx context.Context, r store.Reader, role, old *store.Role, p *FieldErrors) error {
	c := &role.Ceiling
	notEmpty(p, "ceiling.apis", c.APIs)
	notEmpty(p, "ceiling.types", c.Types)
	notEmpty(p, "ceiling.grants", c.Grants)
	if len(c.Grants) > token.MaxGrants {
		p.addf("ceiling.grants", "there are %d; at most %d are allowed", len(c.Grants), token.MaxGrants)
		return nil
	}
	for _, t := range c.Types {
		if _, err := token.ParseType(string(t)); err != nil {
			p.addf("ceiling.types", "%q is not a type; use read-only, full-access or custom", t)
		}
	}
	var held store.Ceiling
	if old != nil {
		held = old.Ceiling
	}
	catalogs, err := s.catalogs(ctx, r)
	if err != nil {
		return err
	}
	judgeable := c.APIs == nil || len(c.APIs) > 0
	for _, api := range c.APIs {
		if indexAPI(catalogs, api) < 0 && !slices.Contains(held.APIs, api) {
			p.addf("ceiling.apis", "%q is not known; there is %s", api, apiNames(catalogs))
			judgeable = false
		}
	}
	if !judgeable { // what grants mean depends on the APIs
		return nil
	}
	return checkCeilingGrants(c, &held, catalogs, p)
}

// notEmpty refuses a list that could be meant to allow nothing or everything.
func notEmpty[T any](p *FieldErrors, field string, list []T) {
	if list != nil && len(list) == 0 {
		p.addf(field, "is an empty list; leave it out to allow all, and for none set create to none")
	}
}

// checkCeilingGrants wants each grant to mean something in one of the APIs.
func checkCeilingGrants(c, held *store.Ceiling, catalogs []store.Catalog, p *FieldErrors) error {
	var compiled []*permission.Catalog
	for _, known := range catalogs {
		if c.APIs != nil && !slices.Contains(c.APIs, known.API) {
			continue
		}
		one, err := permission.NewCatalog(known.Permissions)
		if err != nil {
			return fmt.Errorf("catalog of API %s: %w", known.API, err)
		}
		compiled = append(compiled, one)
	}
	for _, grant := range c.Grants {
		if ContainsSecret(grant) {
			p.addf("ceiling.grants", hasSecret)
			continue
		}
		err := fmt.Errorf("no API is known that could have %q", grant)
		for _, one := range compiled {
			if err = one.CheckGrant(grant); err == nil {
				break
			}
		}
		if len(grant) > token.MaxGrant {
			p.addf("ceiling.grants", "one has %d bytes; at most %d are allowed", len(grant), token.MaxGrant)
		} else if err != nil && !slices.Contains(held.Grants, grant) {
			p.addf("ceiling.grants", "%v", err)
		}
	}
	return nil
}

// mayGive returns an error if the role is mightier than the actor's: nobody
// gives, or has a say over, what they don't hold.
func (a *Actor) mayGive(right Right, role *store.Role) error {
	if a.command {
		return nil
	}
	held := a.held()
	if beyond := beyond(role, &held); len(beyond) > 0 {
		return forbidden(right, "the role %s may do more than you may: %s", role.Name, strings.Join(beyond, ", "))
	}
	return nil
}

// held returns the actor's role without what the token that they act through
// lacks: else it could make an account that may do more, and sign in to that.
func (a *Actor) held() store.Role {
	scope := func(right Right) store.Scope {
		if a.Token != nil && !slices.Contains(a.whole, right) {
			return store.None
		}
		return a.Scope(right)
	}
	r := a.role
	r.Read, r.Create, r.Update = scope(TokenRead), scope(TokenCreate), scope(TokenUpdate)
	r.Regenerate, r.Delete = scope(TokenRegenerate), scope(TokenDelete)
	r.Accounts = scope(AccountManage) == store.All && scope(RoleManage) == store.All
	r.Audit = scope(AuditRead) == store.All
	return r
}

// handsOut reports whether somebody with the role can give a token rights, or get
// its secret.
func handsOut(role *store.Role) bool {
	return reach[role.Create]+reach[role.Update]+reach[role.Regenerate] > 0
}

// beyond names what the role may do and the holder may not.
func beyond(role, holder *store.Role) []string {
	var more []string
	held := scopes(holder)
	for i, f := range scopes(role) {
		if reach[f.scope] > reach[held[i].scope] {
			more = append(more, f.field+" "+string(f.scope))
		}
	}
	if role.Accounts && !holder.Accounts {
		more = append(more, "manage accounts")
	}
	if role.Audit && !holder.Audit {
		more = append(more, "read the audit trail")
	}
	if !handsOut(role) {
		return more
	}
	return append(more, beyondCeiling(&role.Ceiling, &holder.Ceiling)...)
}

func beyondCeiling(c, held *store.Ceiling) []string {
	var more []string
	if held.APIs != nil && (c.APIs == nil || !includes(held.APIs, c.APIs)) {
		more = append(more, "hand out tokens of other APIs")
	}
	if !includes(typesOf(held), typesOf(c)) {
		more = append(more, "hand out other types")
	}
	if held.Grants != nil && slices.Contains(typesOf(c), token.Custom) && !coversAll(held.Grants, c.Grants) {
		more = append(more, "hand out other grants")
	}
	return more
}

// coversAll compares lists of grants by what is written in them alone, since
// they count for every API.
func coversAll(held, grants []string) bool {
	if grants == nil {
		return false
	}
	none, err := permission.NewCatalog(nil)
	if err != nil {
		return false
	}
	cover, steps := newCover(none, held), &steps{left: coverSteps}
	return !slices.ContainsFunc(grants, func(grant string) bool { return !cover.has(grant, steps) })
}

func includes[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}

func wrapRole(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("role %q: %w", name, store.ErrNotFound)
	}
	return err
}
