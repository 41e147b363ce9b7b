package ui

import (
	"errors"
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
)

// selfRoutes are one's own account and sessions.
var selfRoutes = []route{
	{method: "GET", path: "/account", handle: (*ui).selfPage},
	{method: "POST", path: "/account/password", handle: (*ui).changeOwnPassword},
	{method: "POST", path: "/account/sessions/end", handle: (*ui).endOtherSessions},
	{method: "GET", path: "/sessions", handle: (*ui).sessionsPage},
	{method: "POST", path: "/sessions/{id}/end", handle: (*ui).endSession},
}

// self is who looks.
type self struct {
	Account  *admin.AccountRecord
	Role     roleView
	Ways     []string
	Password bool // they can change it here
	Sessions sessionList
}

func (u *ui) selfPage(c *call) error { return u.showSelf(c, http.StatusOK, nil) }

func (u *ui) showSelf(c *call, status int, problems admin.FieldErrors) error {
	sessions, err := u.sessionsOf(c, "", "/account")
	if err != nil {
		return err
	}
	account := c.actor.Account
	body := self{
		Account: account, Role: newRoleView(c.actor.Role), Ways: ways(account),
		Password: u.Password && account.HasPassword, Sessions: sessions,
	}
	return u.show(c, status, "self", page{Title: "self.title", Name: account.Name, Here: "/account", Body: &body, Errors: problems})
}

func (u *ui) changeOwnPassword(c *call) error {
	current, changed := c.r.PostForm.Get("current"), c.r.PostForm.Get("password")
	secret, err := u.Service.ChangePassword(c.r.Context(), c.actor, current, changed)
	if errors.Is(err, store.ErrConflict) { // somebody else set it at the same moment
		err = admin.FieldErrors{{Field: "current", Problem: texts.Get("self.password.changed")}}
	}
	if problems, ok := errors.AsType[admin.FieldErrors](err); ok {
		for _, p := range problems {
			if p.Field == "current" && !isSentence(p.Problem) {
				p.Problem = texts.Get("self.password.wrong")
			}
		}
		return u.showSelf(c, http.StatusUnprocessableEntity, problems)
	}
	if err != nil {
		return err
	}
	u.Admission.Renew(c.w, secret)
	return c.leaveWith("/account", "password-changed")
}

func (u *ui) endOtherSessions(c *call) error {
	if err := u.Service.DeleteSessions(c.r.Context(), c.actor, ""); err != nil {
		return err
	}
	return c.leaveWith("/account", "sessions-ended")
}
