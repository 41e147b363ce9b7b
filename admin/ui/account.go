package ui

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

// accountView is the page of an account.
type accountView struct {
	Account admin.AccountRecord
	Role    roleView
	Ways    []string
	Own     bool
	Tokens  tokenCount

	// For those who manage it.
	Manage   bool
	Form     accountForm
	Version  int64                // that the form was made from
	Now      *admin.AccountRecord // as somebody else left it, if they were quicker
	Sessions *sessionList         // nil if they are not to be seen
}

// tokenCount is how many tokens an account owns, as far as the reader may know.
type tokenCount struct {
	Known bool
	N     int
	More  bool // than N
}

func (u *ui) countTokens(c *call, owner string) (tokenCount, error) {
	if !c.manages(admin.TokenRead) {
		return tokenCount{}, nil
	}
	found, err := u.Service.Tokens(c.r.Context(), c.actor, store.TokenQuery{Owner: owner, Limit: admin.MaxLimit})
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return tokenCount{}, err
	}
	return tokenCount{Known: true, N: len(found.Tokens), More: found.Next != ""}, nil
}

func (u *ui) accountPage(c *call) error {
	account, err := u.Service.Account(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	if !c.manages(admin.AccountRead) {
		return c.leave("/account") // it is their own
	}
	return u.showAccount(c, http.StatusOK, accountView{Account: account, Form: accountFormOf(&account), Version: account.Version}, nil)
}

func accountFormOf(a *admin.AccountRecord) accountForm {
	return accountForm{Role: a.Role, Subject: a.Subject}
}

func (u *ui) showAccount(c *call, status int, v accountView, problems admin.FieldErrors) (err error) {
	name := v.Account.Name
	v.Own, v.Ways = name == c.actor.Name(), ways(&v.Account)
	if v.Tokens, err = u.countTokens(c, name); err != nil {
		return err
	}
	role, err := u.Service.Role(c.r.Context(), c.actor, v.Account.Role)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	v.Role = newRoleView(role) // of no name, and allowing nothing, if it is gone
	if v.Manage, err = u.managesAccount(c, name); err != nil {
		return err
	}
	if v.Manage {
		roles, err := u.allRoles(c)
		if err != nil {
			return err
		}
		v.Form.Roles, v.Form.Password = viewsOf(roles), u.Password
	}
	if c.manages(admin.SessionRead) {
		list, err := u.sessionsOf(c, name, accountPath(name))
		if err != nil {
			return err
		}
		list.End = v.Manage || v.Own
		v.Sessions = &list
	}
	return u.show(c, status, "account", page{
		Title: "account.title", Name: name, Here: "/accounts", Body: &v, Errors: problems,
		Holds: map[string]bool{"account-enabled": v.Account.Enabled, "account-disabled": !v.Account.Enabled},
	})
}

// managesAccount reports whether the actor may change an account. Nobody has a
// say over one that is mightier; the service knows whether it is.
func (u *ui) managesAccount(c *call, name string) (bool, error) {
	if !c.manages(admin.AccountManage) || c.actor.Role.Name == admin.RoleOwner {
		return c.manages(admin.AccountManage), nil
	}
	_, err := u.Service.UpdateAccount(c.r.Context(), c.actor, name, admin.AccountEdit{DryRun: true})
	if _, mightier := errors.AsType[*admin.ForbiddenError](err); mightier {
		return false, nil
	}
	return err == nil, err
}

func (u *ui) updateAccount(c *call) error {
	name := c.r.PathValue("name")
	form := accountForm{Role: c.value("role"), Subject: c.value("subject")}
	version, err := c.formVersion()
	if err != nil {
		return err
	}
	if c.goesBack() {
		return u.showAccountAgain(c, http.StatusOK, form, version, nil)
	}
	e := admin.AccountEdit{Version: version, Role: &form.Role, Subject: &form.Subject, Disable: c.value("overreach") == disableTokens}
	if !c.answered() {
		e.DryRun = true
		change, err := u.Service.UpdateAccount(c.r.Context(), c.actor, name, e)
		if err != nil {
			return u.accountProblem(c, err, form, version)
		}
		if change.Overreach.Count() > 0 {
			o := overreach{Action: accountPath(name), Role: form.Role, Owner: name, Here: "/accounts"}
			return u.showOverreach(c, o, &change.Overreach)
		}
		e.DryRun = false
	}
	if _, err := u.Service.UpdateAccount(c.r.Context(), c.actor, name, e); err != nil {
		return u.accountProblem(c, err, form, version)
	}
	return c.leaveWith(accountPath(name), "account-saved")
}

// formVersion returns the version that the form was made from.
func (c *call) formVersion() (int64, error) {
	version, err := strconv.ParseInt(c.value("version"), 10, 64)
	if err != nil || version <= 0 {
		return 0, errForm
	}
	return version, nil
}

// accountProblem shows the form again, with what was typed and why it was not saved.
func (u *ui) accountProblem(c *call, err error, form accountForm, version int64) error {
	if problems, ok := problemsOf(err, "role"); ok && c.manages(admin.AccountManage) {
		return u.showAccountAgain(c, http.StatusUnprocessableEntity, form, version, problems)
	}
	if errors.Is(err, store.ErrConflict) {
		return u.showAccountAgain(c, http.StatusConflict, form, 0, nil)
	}
	return err
}

// showAccountAgain shows what was typed. Version 0 is of an account that somebody
// else changed meanwhile: who saves once more knows what it is now.
func (u *ui) showAccountAgain(c *call, status int, form accountForm, version int64, problems admin.FieldErrors) error {
	account, err := u.Service.Account(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	v := accountView{Account: account, Form: form, Version: version}
	if version == 0 {
		v.Version, v.Now = account.Version, &account
	}
	return u.showAccount(c, status, v, problems)
}

func (u *ui) setAccountPassword(c *call) error {
	name, password := c.r.PathValue("name"), c.r.PostForm.Get("password")
	_, err := u.Service.UpdateAccount(c.r.Context(), c.actor, name, admin.AccountEdit{Password: &password})
	if problems, ok := problemsOf(err, "password"); ok && c.manages(admin.AccountManage) {
		account, err := u.Service.Account(c.r.Context(), c.actor, name)
		if err != nil {
			return err
		}
		return u.showAccountAgain(c, http.StatusUnprocessableEntity, accountFormOf(&account), account.Version, problems)
	}
	if err != nil {
		return err
	}
	return c.leaveWith(accountPath(name), "account-password")
}

func (u *ui) enableAccount(c *call) error  { return u.switchAccount(c, true, "account-enabled") }
func (u *ui) disableAccount(c *call) error { return u.switchAccount(c, false, "account-disabled") }

func (u *ui) switchAccount(c *call, enabled bool, notice string) error {
	name := c.r.PathValue("name")
	if _, err := u.Service.UpdateAccount(c.r.Context(), c.actor, name, admin.AccountEdit{Enabled: &enabled}); err != nil {
		return err
	}
	return c.leaveWith(accountPath(name), notice)
}

func (u *ui) endAccountSessions(c *call) error {
	name := c.r.PathValue("name")
	if err := u.Service.DeleteSessions(c.r.Context(), c.actor, name); err != nil {
		return err
	}
	return c.leaveWith(accountPath(name), "sessions-ended")
}
