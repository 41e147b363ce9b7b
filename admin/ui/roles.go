package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// roleRoutes are roles.
var roleRoutes = []route{
	{method: "GET", path: "/roles", handle: (*ui).roleList},
	{method: "POST", path: "/roles", handle: (*ui).createRole},
	{method: "GET", path: "/roles/new", handle: (*ui).newRole},
	{method: "GET", path: "/roles/{name}", handle: (*ui).rolePage},
	{method: "POST", path: "/roles/{name}", handle: (*ui).updateRole},
	{method: "POST", path: "/roles/{name}/delete", handle: (*ui).deleteRole},
}

func rolePath(name string) string { return "/roles/" + segment(name) }

// roleName returns the name in the address, which is in lower case as all are.
func (c *call) roleName() string { return strings.ToLower(c.r.PathValue("name")) }

func (u *ui) roleList(c *call) error {
	found, err := u.Service.Roles(c.r.Context(), c.actor, admin.Paging{After: c.query("after")})
	if err != nil {
		return err
	}
	body := struct {
		Roles  []roleView
		Fields []string
		Next   string
		Begun  bool
	}{viewsOf(found.Items), []string{"read", "create", "update", "regenerate", "delete"}, found.Next, c.query("after") != ""}
	return u.show(c, http.StatusOK, "roles", page{Title: "roles.title", Here: "/roles", Body: &body})
}

// rolePageView is the page of a role.
type rolePageView struct {
	Role    roleView
	Members []string // names of accounts
	Own     bool
	Manage  bool
	Form    roleForm
	Now     *roleView // as somebody else left it, if they were quicker
}

func (u *ui) rolePage(c *call) error {
	role, err := u.Service.Role(c.r.Context(), c.actor, c.roleName())
	if err != nil {
		return err
	}
	if !c.manages(admin.RoleRead) {
		return c.leave("/account") // which says what their own role allows
	}
	form, err := u.roleFormOf(c, &role)
	if err != nil {
		return err
	}
	return u.showRole(c, http.StatusOK, rolePageView{Role: newRoleView(role), Form: form}, nil)
}

func (u *ui) showRole(c *call, status int, v rolePageView, problems admin.FieldErrors) (err error) {
	v.Own = v.Role.Name == c.actor.Role.Name
	if v.Members, err = u.membersOf(c, v.Role.Name); err != nil {
		return err
	}
	if v.Manage, err = u.managesRole(c, &v.Role.RoleRecord); err != nil {
		return err
	}
	return u.show(c, status, "role", page{Title: "role.title", Name: v.Role.Name, Here: "/roles", Body: &v, Errors: problems})
}

// membersOf returns the names of the accounts that have a role.
func (u *ui) membersOf(c *call, role string) ([]string, error) {
	var members []string
	p := admin.Paging{Limit: admin.MaxLimit}
	for {
		found, err := u.Service.Accounts(c.r.Context(), c.actor, p)
		if err != nil {
			return nil, err
		}
		for _, a := range found.Items {
			if a.Role == role {
				members = append(members, a.Name)
			}
		}
		if p.After = found.Next; p.After == "" {
			return members, nil
		}
	}
}

// managesRole reports whether the actor may change a role, see managesAccount.
func (u *ui) managesRole(c *call, r *admin.RoleRecord) (bool, error) {
	if r.BuiltIn || !c.manages(admin.RoleManage) || c.actor.Role.Name == admin.RoleOwner {
		return !r.BuiltIn && c.manages(admin.RoleManage), nil
	}
	_, err := u.Service.UpdateRole(c.r.Context(), c.actor, admin.RoleEdit{Role: asStored(r), DryRun: true})
	if _, mightier := errors.AsType[*admin.ForbiddenError](err); mightier {
		return false, nil
	}
	return err == nil, err
}

func asStored(r *admin.RoleRecord) store.Role {
	return store.Role{
		Name: r.Name, Description: r.Description, Read: r.Read, Create: r.Create, Update: r.Update,
		Regenerate: r.Regenerate, Delete: r.Delete, Accounts: r.Accounts, Audit: r.Audit, Ceiling: store.Ceiling(r.Ceiling),
	}
}

func (u *ui) newRole(c *call) error {
	if !c.manages(admin.RoleManage) {
		return notAllowed(admin.RoleManage)
	}
	own := admin.RoleRecord{Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.Own, Delete: store.Own}
	form, err := u.roleFormOf(c, &own)
	if err != nil {
		return err
	}
	return u.showNewRole(c, http.StatusOK, &form, nil)
}

func (u *ui) showNewRole(c *call, status int, form *roleForm, problems admin.FieldErrors) error {
	form.New = true
	return u.show(c, status, "role-new", page{Title: "role-new.title", Here: "/roles", Body: form, Errors: problems})
}

func (u *ui) createRole(c *call) error {
	form, err := u.readRoleForm(c, c.value("name"))
	if err != nil {
		return err
	}
	made, err := u.Service.CreateRole(c.r.Context(), c.actor, form.role())
	if problems, ok := form.problems(err); ok && c.manages(admin.RoleManage) {
		return u.showNewRole(c, http.StatusUnprocessableEntity, &form, problems)
	}
	if err != nil {
		return err
	}
	return c.leaveWith(rolePath(made.Name), "role-made")
}

// problems is problemsOf for forms of roles.
func (f *roleForm) problems(err error) (admin.FieldErrors, bool) {
	if errors.Is(err, admin.ErrBuiltIn) {
		return admin.FieldErrors{{Field: "name", Problem: texts.Get("role.name.built-in")}}, true
	}
	problems, ok := problemsOf(err, "rights")
	told := slices.Clone(problems)
	for i, problem := range told {
		switch { // nothing is ticked
		case problem.Field == "ceiling.apis" && len(f.Ceiling.APIs) == 0, problem.Field == "ceiling.types" && len(f.Ceiling.Types) == 0:
			told[i] = &token.FieldError{Field: problem.Field, Problem: texts.Get("role." + problem.Field + ".none")}
		}
	}
	return told, ok
}

func (u *ui) updateRole(c *call) error {
	form, err := u.readRoleForm(c, c.roleName())
	if err != nil {
		return err
	}
	if form.Version, err = c.formVersion(); err != nil {
		return err
	}
	if c.goesBack() {
		return u.showRoleAgain(c, http.StatusOK, &form, nil)
	}
	e := admin.RoleEdit{Role: form.role(), Disable: c.value("overreach") == disableTokens}
	if !c.answered() {
		e.DryRun = true
		change, err := u.Service.UpdateRole(c.r.Context(), c.actor, e)
		if err != nil {
			return u.roleProblem(c, err, &form)
		}
		if change.Overreach.Count() > 0 {
			return u.showOverreach(c, overreach{Action: rolePath(form.Name), Role: form.Name, Here: "/roles"}, &change.Overreach)
		}
		e.DryRun = false
	}
	if _, err := u.Service.UpdateRole(c.r.Context(), c.actor, e); err != nil {
		return u.roleProblem(c, err, &form)
	}
	return c.leaveWith(rolePath(form.Name), "role-saved")
}

// roleProblem shows the form again, with what was chosen and why it was not saved.
func (u *ui) roleProblem(c *call, err error, form *roleForm) error {
	if problems, ok := form.problems(err); ok && c.manages(admin.RoleManage) {
		return u.showRoleAgain(c, http.StatusUnprocessableEntity, form, problems)
	}
	if errors.Is(err, store.ErrConflict) {
		form.Version = 0
		return u.showRoleAgain(c, http.StatusConflict, form, nil)
	}
	return err
}

// showRoleAgain is as showAccountAgain is.
func (u *ui) showRoleAgain(c *call, status int, form *roleForm, problems admin.FieldErrors) error {
	role, err := u.Service.Role(c.r.Context(), c.actor, form.Name)
	if err != nil {
		return err
	}
	v := rolePageView{Role: newRoleView(role), Form: *form}
	if form.Version == 0 {
		v.Form.Version, v.Now = role.Version, &v.Role
	}
	return u.showRole(c, status, v, problems)
}

func (u *ui) deleteRole(c *call) error {
	name := c.roleName()
	err := u.Service.DeleteRole(c.r.Context(), c.actor, name, 0)
	if e, ok := errors.AsType[*admin.RoleInUseError](err); ok {
		role, err := u.Service.Role(c.r.Context(), c.actor, name)
		if err != nil {
			return err
		}
		form, err := u.roleFormOf(c, &role)
		if err != nil {
			return err
		}
		problems := admin.FieldErrors{{Field: "members", Problem: texts.Count("role.in-use", e.Accounts)}}
		return u.showRole(c, http.StatusConflict, rolePageView{Role: newRoleView(role), Form: form}, problems)
	}
	if err != nil {
		return err
	}
	return c.leaveWith("/roles", "role-deleted")
}
