package ui

import (
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// granted is what a token may do, for people.
type granted struct {
	Type      token.Type
	APIGone   bool // no gateway protects its API
	Resources []grantedResource
	Held      []heldGrant
	Written   []string // operations written out
	Gone      []string // names of what the API no longer has
}

// grantedResource is what a token may do with a resource.
type grantedResource struct {
	Name        string
	Whole       bool // all of it, and what is added to it later
	Permissions []namedPermission
}

// namedPermission is a permission of a catalog.
type namedPermission struct {
	Name, Action string // Action is the name without the resource
	Mark         permission.Mark
	Operations   []string
	More         []string // operations that are folded, if there are many
	Requires     string   // permissions that are needed as well
	Unmet        string   // of these, the ones that the token lacks for certain
}

func newNamed(p permission.Permission) namedPermission {
	n := namedPermission{Name: p.Name, Action: strings.TrimPrefix(p.Name, permission.Resource(p.Name)+"."), Mark: p.Mark, Requires: requiresOf(p)}
	for _, op := range p.Operations {
		n.Operations = append(n.Operations, op.String())
	}
	n.Operations, n.More = fold(n.Operations)
	return n
}

// requiresOf says in words what a permission requires.
func requiresOf(p permission.Permission) string {
	words := make([]string, len(p.Requires))
	for i, text := range p.Requires {
		words[i] = text
		if name, member, conditional := strings.Cut(text, " if json:"); conditional {
			words[i] = texts.Get("apis.requires.if", name, member)
		}
	}
	return strings.Join(words, ", ")
}

// heldGrant is a grant of permissions for certain values alone, such as record.view app=7.
type heldGrant struct {
	Grant, Values string
	Unmet         string // see namedPermission
}

// Empty reports whether a custom token may do nothing.
func (g granted) Empty() bool { return len(g.Resources)+len(g.Held)+len(g.Written) == 0 }

func (u *ui) grantsOf(c *call, t *token.Token) (granted, error) {
	catalog, known, err := u.catalogOf(c.r.Context(), c.actor, t.API)
	if err != nil {
		return granted{}, err
	}
	g := granted{Type: t.Type, APIGone: !known}
	if t.Type != token.Custom {
		return g, nil
	}
	if g.Gone, err = u.Service.Gone(c.r.Context(), t); err != nil {
		return granted{}, err
	}
	g.Resources = grantedResources(catalog.Permissions, t.Grants)
	for _, grant := range t.Grants {
		base, values := permission.CutFixes(grant)
		switch {
		case slices.Contains(g.Gone, grant):
		case strings.Contains(base, " "):
			g.Written = append(g.Written, grant)
		case len(values) > 0:
			g.Held = append(g.Held, heldGrant{base, strings.Join(values, ", "), and(unmetOf(catalog.Permissions, grant, t.Grants))})
		}
	}
	return g, nil
}

// grantedResources returns the permissions that grants name, by resource.
func grantedResources(permissions []permission.Permission, grants []string) []grantedResource {
	var resources []grantedResource
	for _, r := range resourcesOf(permissions) {
		whole := slices.Contains(grants, r.Name+".*")
		var some []namedPermission
		for _, p := range r.Permissions {
			if whole || slices.Contains(grants, p.Name) {
				p.Unmet = and(unmetOf(permissions, p.Name, grants))
				some = append(some, p)
			}
		}
		if len(some) > 0 {
			resources = append(resources, grantedResource{r.Name, whole, some})
		}
	}
	return resources
}

// unmetOf returns the permissions without which all that a grant names is refused.
func unmetOf(permissions []permission.Permission, grant string, grants []string) []string {
	base, _ := permission.CutFixes(grant)
	i := slices.IndexFunc(permissions, func(p permission.Permission) bool { return p.Name == base })
	if i < 0 { // a whole resource has permissions that may do without
		return nil
	}
	return permissions[i].Unmet(grant, grants)
}

// unmet is a permission that a token lacks, and the grants that allow nothing without it.
type unmet struct{ Permission, Grants string }

// allUnmet returns what a token lacks to use what it is granted.
func allUnmet(permissions []permission.Permission, grants []string) (all []unmet) {
	for _, grant := range grants {
		for _, name := range unmetOf(permissions, grant, grants) {
			i := slices.IndexFunc(all, func(u unmet) bool { return u.Permission == name })
			if i < 0 {
				all = append(all, unmet{name, grant})
			} else {
				all[i].Grants += ", " + grant
			}
		}
	}
	return all
}

// resource is a resource of a catalog.
type resource struct {
	Name        string
	Permissions []namedPermission
}

// resourcesOf returns the permissions of a catalog by resource, sorted by name.
func resourcesOf(permissions []permission.Permission) []resource {
	byName := map[string][]namedPermission{}
	var resources []resource
	for _, p := range permissions {
		name := permission.Resource(p.Name)
		if byName[name] == nil {
			resources = append(resources, resource{Name: name})
		}
		byName[name] = append(byName[name], newNamed(p))
	}
	slices.SortFunc(resources, func(a, b resource) int { return strings.Compare(a.Name, b.Name) })
	for i := range resources {
		resources[i].Permissions = byName[resources[i].Name]
	}
	return resources
}
