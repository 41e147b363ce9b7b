package rest

import (
	"net/http"
	"net/url"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var roleRoutes = []route{
	{method: "GET", path: "/roles", parameters: []string{"cursor", "limit"}, handle: (*api).roles},
	{method: "POST", path: "/roles", body: newRoleBody{}, handle: (*api).createRole},
	{method: "GET", path: "/roles/{name}", handle: (*api).role},
	{method: "PUT", path: "/roles/{name}", body: roleEditBody{}, handle: (*api).updateRole},
	{method: "POST", path: "/roles/{name}/overreach", body: roleBody{}, handle: (*api).roleOverreach},
	{method: "DELETE", path: "/roles/{name}", handle: (*api).deleteRole},
}

func (a *api) roles(c *call) error {
	paging, err := c.paging()
	if err != nil {
		return err
	}
	found, err := a.Service.Roles(c.r.Context(), c.actor, paging)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(found.Items, found.Next))
	return nil
}

func (a *api) role(c *call) error {
	role, err := a.Service.Role(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	a.answerVersion(c, http.StatusOK, role.Version, role)
	return nil
}

// roleBody is a role as it shall be, all of it: what is missing is not allowed.
type roleBody struct {
	Description string      `json:"description"`
	Read        store.Scope `json:"read"`
	Create      store.Scope `json:"create"`
	Update      store.Scope `json:"update"`
	Regenerate  store.Scope `json:"regenerate"`
	Delete      store.Scope `json:"delete"`
	Accounts    bool        `json:"accounts"`
	Audit       bool        `json:"audit"`
	Ceiling     ceilingBody `json:"ceiling"`
}

// ceilingBody is the most that a role may hand out. A list that is null allows everything.
type ceilingBody struct {
	APIs   []string     `json:"apis" null:"all"`
	Types  []token.Type `json:"types" null:"all"`
	Grants []string     `json:"grants" null:"all"`
}

func (b *roleBody) role(name string, version int64) store.Role {
	return store.Role{
		Name: name, Description: b.Description, Version: version, Accounts: b.Accounts, Audit: b.Audit,
		Read: scope(b.Read), Create: scope(b.Create), Update: scope(b.Update),
		Regenerate: scope(b.Regenerate), Delete: scope(b.Delete), Ceiling: store.Ceiling(b.Ceiling),
	}
}

func scope(s store.Scope) store.Scope {
	if s == "" {
		return store.None
	}
	return s
}

type newRoleBody struct {
	roleBody

	Name string `json:"name"`
}

func (a *api) createRole(c *call) error {
	var body newRoleBody
	if err := c.decode(&body); err != nil {
		return err
	}
	role, err := a.Service.CreateRole(c.r.Context(), c.actor, body.role(body.Name, 0))
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", admin.ManagementPath+"/roles/"+url.PathEscape(role.Name))
	a.answerVersion(c, http.StatusCreated, role.Version, role)
	return nil
}

type roleEditBody struct {
	roleBody

	Overreach bool `json:"disable_overreach"` // the tokens that are mightier than it
}

// roleChange is a role after a change, and its members' tokens that are mightier now.
type roleChange struct {
	Role      admin.RoleRecord `json:"role"`
	Overreach []admin.Record   `json:"overreach"`
	Unseen    int              `json:"overreach_unseen"` // how many more, that the actor may not see
}

func (a *api) updateRole(c *call) error {
	var body roleEditBody
	version, err := c.neededIfMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	edit := admin.RoleEdit{Role: body.role(c.r.PathValue("name"), version), Disable: body.Overreach}
	change, err := a.Service.UpdateRole(c.r.Context(), c.actor, edit)
	if err != nil {
		return err
	}
	a.answerVersion(c, http.StatusOK, change.Role.Version, roleChange{change.Role, a.records(change.Overreach.Tokens), change.Overreach.Unseen})
	return nil
}

// roleOverreach tells what a change of a role would mean, and changes nothing.
func (a *api) roleOverreach(c *call) error {
	var body roleBody
	if err := c.decode(&body); err != nil {
		return err
	}
	edit := admin.RoleEdit{Role: body.role(c.r.PathValue("name"), 0), DryRun: true}
	change, err := a.Service.UpdateRole(c.r.Context(), c.actor, edit)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, struct {
		page[admin.Record]

		Unseen int `json:"unseen"` // how many more, that the actor may not see
	}{newPage(a.records(change.Overreach.Tokens), ""), change.Overreach.Unseen})
	return nil
}

func (a *api) deleteRole(c *call) error {
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	return a.done(c, a.Service.DeleteRole(c.r.Context(), c.actor, c.r.PathValue("name"), version))
}
