package ui

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
)

// accountRoutes are accounts.
var accountRoutes = []route{
	{method: "GET", path: "/accounts", handle: (*ui).accountList},
	{method: "POST", path: "/accounts", handle: (*ui).createAccount},
	{method: "GET", path: "/accounts/new", handle: (*ui).newAccount},
	{method: "GET", path: "/accounts/{name}", handle: (*ui).accountPage},
	{method: "POST", path: "/accounts/{name}", handle: (*ui).updateAccount},
	{method: "POST", path: "/accounts/{name}/password", handle: (*ui).setAccountPassword},
	{method: "POST", path: "/accounts/{name}/enable", handle: (*ui).enableAccount},
	{method: "POST", path: "/accounts/{name}/disable", handle: (*ui).disableAccount},
	{method: "POST", path: "/accounts/{name}/sessions/end", handle: (*ui).endAccountSessions},
	{method: "GET", path: "/accounts/{name}/delete", handle: (*ui).removalPage},
	{method: "POST", path: "/accounts/{name}/delete", handle: (*ui).removeAccount},
}

func accountPath(name string) string { return "/accounts/" + segment(name) }

// segment is a name in an address. Names are in lower case, however they are
// written; so New is what is called new, where new is the form for another one.
func segment(name string) string {
	if name == "new" {
		return "New"
	}
	return url.PathEscape(name)
}

// afterPath is the page of a list that begins behind a cursor.
func afterPath(path, cursor string) string { return path + "?after=" + url.QueryEscape(cursor) }

// accountRow is an account in the table.
type accountRow struct {
	admin.AccountRecord

	Ways []string
}

// ways says how an account can be signed in to.
func ways(a *admin.AccountRecord) []string {
	var all []string
	if a.HasPassword {
		all = append(all, texts.Get("account.way.password"))
	}
	if a.Subject != "" {
		all = append(all, texts.Get("account.way.subject"))
	}
	if len(all) == 0 {
		all = append(all, texts.Get("account.way.first"))
	}
	return all
}

func (u *ui) accountList(c *call) error {
	found, err := u.Service.Accounts(c.r.Context(), c.actor, admin.Paging{After: c.query("after")})
	if err != nil {
		return err
	}
	body := struct {
		Accounts []accountRow
		Next     string
		Begun    bool
	}{Next: found.Next, Begun: c.query("after") != ""}
	for _, a := range found.Items {
		body.Accounts = append(body.Accounts, accountRow{a, ways(&a)})
	}
	return u.show(c, http.StatusOK, "accounts", page{Title: "accounts.title", Here: "/accounts", Body: &body})
}

// accountForm is what the form of a new account shows: never a password.
type accountForm struct {
	Name, Role, Subject string
	Roles               []roleView
	Password            bool // somebody signs in by password here
}

func (u *ui) newAccount(c *call) error {
	if !c.manages(admin.AccountManage) {
		return notAllowed(admin.AccountManage)
	}
	return u.showNewAccount(c, http.StatusOK, accountForm{Role: admin.RoleMember}, nil)
}

func (u *ui) showNewAccount(c *call, status int, form accountForm, problems admin.FieldErrors) error {
	roles, err := u.allRoles(c)
	if err != nil {
		return err
	}
	form.Roles, form.Password = viewsOf(roles), u.Password
	return u.show(c, status, "account-new", page{Title: "account-new.title", Here: "/accounts", Body: &form, Errors: problems})
}

func (u *ui) createAccount(c *call) error {
	form := accountForm{Name: c.value("name"), Role: c.value("role"), Subject: c.value("subject")}
	made, inherited, err := u.Service.CreateAccount(c.r.Context(), c.actor, admin.NewAccount{
		Name: form.Name, Role: form.Role, Password: c.r.PostForm.Get("password"), Subject: form.Subject,
	})
	if problems, ok := problemsOf(err, "role"); ok && c.manages(admin.AccountManage) {
		return u.showNewAccount(c, http.StatusUnprocessableEntity, form, problems)
	}
	if err != nil {
		return err
	}
	if inherited > 0 {
		return c.leaveWith(accountPath(made.Name), "account-made-inherits")
	}
	return c.leaveWith(accountPath(made.Name), "account-made")
}

// manages reports whether the actor has a right for everybody's.
func (c *call) manages(right admin.Right) bool { return c.actor.Scope(right) == store.All }

// notAllowed refuses the empty form of what the service would refuse.
func notAllowed(right admin.Right) error {
	return &admin.ForbiddenError{Right: right, Problem: texts.Get("people.not-allowed")}
}

// problemsOf returns what is wrong with a form. What may not be done is a problem
// of the field that asks for it: nothing typed is lost.
func problemsOf(err error, field string) (admin.FieldErrors, bool) {
	if e, ok := errors.AsType[*admin.ForbiddenError](err); ok {
		return admin.FieldErrors{{Field: field, Problem: sentence(e.Problem)}}, true
	}
	if errors.Is(err, admin.ErrLastOwner) {
		return admin.FieldErrors{{Field: field, Problem: texts.Get("account.last-owner")}}, true
	}
	return errors.AsType[admin.FieldErrors](err)
}

// allRoles returns every role: those that are built in come first.
func (u *ui) allRoles(c *call) ([]admin.RoleRecord, error) {
	var all []admin.RoleRecord
	p := admin.Paging{Limit: admin.MaxLimit}
	for {
		found, err := u.Service.Roles(c.r.Context(), c.actor, p)
		if err != nil {
			return nil, err
		}
		all = append(all, found.Items...)
		if p.After = found.Next; p.After == "" {
			return all, nil
		}
	}
}
