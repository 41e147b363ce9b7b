package ui

import (
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// roleForm is what the form of a role shows.
type roleForm struct {
	admin.RoleRecord

	New    bool
	Grants string // of the ceiling, one in a line
	// What can be chosen for the ceiling.
	APIs, Types []bound
}

// bound is a check box of the ceiling.
type bound struct {
	Value   string
	Checked bool
}

// Choices are the scopes to choose from.
func (roleForm) Choices() []store.Scope { return []store.Scope{store.None, store.Own, store.All} }

// Scopes are what is chosen of them.
func (f roleForm) Scopes() []scopeOf { return scopesOf(&f.RoleRecord) }

// role returns the role as the service takes it.
func (f *roleForm) role() store.Role {
	r := asStored(&f.RoleRecord)
	r.Version = f.Version
	return r
}

// roleFormOf returns the form that shows a role.
func (u *ui) roleFormOf(c *call, r *admin.RoleRecord) (roleForm, error) {
	f := roleForm{RoleRecord: *r, Grants: strings.Join(r.Ceiling.Grants, "\n")}
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return f, err
	}
	var known []string
	for i := range catalogs {
		known = append(known, catalogs[i].API)
	}
	f.APIs = choices(known, r.Ceiling.APIs)
	f.Types = choices(names(token.Types()), names(r.Ceiling.Types))
	return f, nil
}

// choices are all that is known, and what is chosen though it is not known any more.
func choices(known, chosen []string) []bound {
	var all []bound
	for _, value := range known {
		all = append(all, bound{value, slices.Contains(chosen, value)})
	}
	for _, value := range chosen {
		if !slices.Contains(known, value) {
			all = append(all, bound{value, true})
		}
	}
	return all
}

// readRoleForm returns the form as it was sent.
func (u *ui) readRoleForm(c *call, name string) (roleForm, error) {
	r := admin.RoleRecord{
		Name: name, Description: c.value("description"),
		Read: c.scope("read"), Create: c.scope("create"), Update: c.scope("update"),
		Regenerate: c.scope("regenerate"), Delete: c.scope("delete"),
		Accounts: c.value("accounts") != "", Audit: c.value("audit") != "",
	}
	r.Ceiling.APIs = c.only("apis")
	if types := c.only("types"); types != nil {
		r.Ceiling.Types = []token.Type{}
		for _, t := range types {
			r.Ceiling.Types = append(r.Ceiling.Types, token.Type(t))
		}
	}
	for line := range strings.Lines(c.r.PostForm.Get("grants")) {
		if line = strings.TrimSpace(line); line != "" {
			r.Ceiling.Grants = append(r.Ceiling.Grants, line)
		}
	}
	return u.roleFormOf(c, &r)
}

// scope returns whose tokens were chosen; nobody's if nothing was.
func (c *call) scope(field string) store.Scope {
	if value := c.value(field); value != "" {
		return store.Scope(value)
	}
	return store.None
}

// only returns what was chosen of a list that bounds something, or nil if
// nothing is to be bounded. Nothing chosen is an empty list, which is refused.
func (c *call) only(field string) []string {
	if c.value("limit-"+field) != "only" {
		return nil
	}
	return append([]string{}, c.r.PostForm[field]...)
}

// bounded reports whether a list of a ceiling bounds anything. An empty one was
// meant to, and is shown so until something is chosen.
func bounded(list any) bool {
	switch list := list.(type) {
	case []string:
		return list != nil
	case []token.Type:
		return list != nil
	default:
		return false
	}
}
