package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// removal asks what becomes of the tokens of an account that is deleted.
type removal struct {
	Account admin.AccountRecord
	Own     bool
	Tokens  tokenCount
	Heirs   []string // names of accounts that can get them
	Plan    string   // what was chosen
	Typed   string
	HandTo  string
}

// The answers to what becomes of the tokens.
const (
	planHand   = "hand"
	planDelete = "delete"
)

func (u *ui) removalPage(c *call) error { return u.showRemoval(c, http.StatusOK, nil, nil) }

// showRemoval asks. known is how many tokens there are, if that was told.
func (u *ui) showRemoval(c *call, status int, problems admin.FieldErrors, known *admin.PlanError) error {
	name := c.r.PathValue("name")
	account, err := u.Service.Account(c.r.Context(), c.actor, name)
	if err != nil {
		return err
	}
	may, err := u.managesAccount(c, account.Name)
	if err != nil {
		return err
	}
	if !may {
		return notAllowed(admin.AccountManage)
	}
	body := removal{Account: account, Own: account.Name == c.actor.Name(), Plan: c.value("plan"), HandTo: c.value("hand_to"), Typed: c.value("name")}
	if known != nil { // it counts those that can't be read as well
		body.Tokens = tokenCount{Known: true, N: known.Tokens}
	} else if body.Tokens, err = u.countTokens(c, account.Name); err != nil {
		return err
	}
	if c.manages(admin.TokenUpdate) {
		if body.Heirs, err = u.Service.AccountNames(c.r.Context(), c.actor); err != nil {
			return err
		}
		body.Heirs = slices.DeleteFunc(body.Heirs, func(heir string) bool { return heir == account.Name })
	}
	return u.show(c, status, "account-delete", page{Title: "account-delete.title", Name: account.Name, Here: "/accounts", Body: &body, Errors: problems})
}

func (u *ui) removeAccount(c *call) error {
	var plan admin.TokenPlan
	switch c.value("plan") {
	case planDelete:
		plan.Delete = true
		if c.manages(admin.AccountManage) && !strings.EqualFold(c.value("name"), c.r.PathValue("name")) {
			return u.showRemoval(c, http.StatusUnprocessableEntity, admin.FieldErrors{{Field: "name", Problem: texts.Get("account-delete.mistyped")}}, nil)
		}
	case planHand:
		if plan.HandTo = c.value("hand_to"); plan.HandTo == "" {
			return u.showRemoval(c, http.StatusUnprocessableEntity, admin.FieldErrors{{Field: "hand_to", Problem: texts.Get("account-delete.nobody")}}, nil)
		}
	}
	done, err := u.Service.DeleteAccount(c.r.Context(), c.actor, c.r.PathValue("name"), 0, plan)
	unplanned, ok := errors.AsType[*admin.PlanError](err)
	if ok {
		err = admin.FieldErrors{{Field: "plan", Problem: texts.Get("account-delete.no-plan")}}
	}
	if problems, ok := problemsOf(err, "plan"); ok && c.manages(admin.AccountManage) {
		return u.showRemoval(c, http.StatusUnprocessableEntity, problems, unplanned)
	}
	if err != nil {
		return err
	}
	if len(done.Overreach) > 0 && done.Account.Name != c.actor.Name() { // else they are signed out
		return u.showRemoved(c, done, plan.HandTo)
	}
	return c.leaveWith("/accounts", "account-deleted")
}

// removed tells of tokens that are mightier than the role of their new owner.
type removed struct {
	Removal admin.Removal
	Heir    string
	Tokens  []admin.Record
	Several bool // they are not too many to be disabled together
}

func (u *ui) showRemoved(c *call, done admin.Removal, heir string) error {
	body := removed{Removal: done, Heir: heir, Tokens: u.records(done.Overreach), Several: len(done.Overreach) <= admin.MaxLimit}
	return u.show(c, http.StatusOK, "account-deleted", page{Title: "account-delete.title", Name: done.Account.Name, Here: "/accounts", Body: &body})
}
