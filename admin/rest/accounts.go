package rest

import (
	"net/http"
	"net/url"

	"github.com/tokenreeve/tokenreeve/admin"
)

var accountRoutes = []route{
	{method: "GET", path: "/accounts", parameters: []string{"cursor", "limit"}, handle: (*api).accountList},
	{method: "POST", path: "/accounts", body: accountBody{}, handle: (*api).createAccount},
	{method: "GET", path: "/accounts/{name}", handle: (*api).account},
	{method: "PATCH", path: "/accounts/{name}", body: accountEditBody{}, handle: (*api).updateAccount},
	{method: "DELETE", path: "/accounts/{name}", parameters: []string{"hand_to", "delete_tokens"}, handle: (*api).deleteAccount},
}

func (a *api) accountList(c *call) error {
	paging, err := c.paging()
	if err != nil {
		return err
	}
	found, err := a.Service.Accounts(c.r.Context(), c.actor, paging)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(found.Items, found.Next))
	return nil
}

func (a *api) account(c *call) error {
	account, err := a.Service.Account(c.r.Context(), c.actor, c.r.PathValue("name"))
	if err != nil {
		return err
	}
	a.answerVersion(c, http.StatusOK, account.Version, account)
	return nil
}

type accountBody struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	Password string `json:"password"`
	Subject  string `json:"subject"`
}

func (a *api) createAccount(c *call) error {
	var body accountBody
	if err := c.decode(&body); err != nil {
		return err
	}
	account, inherited, err := a.Service.CreateAccount(c.r.Context(), c.actor, admin.NewAccount(body))
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", admin.ManagementPath+"/accounts/"+url.PathEscape(account.Name))
	a.answerVersion(c, http.StatusCreated, account.Version, struct {
		Account   admin.AccountRecord `json:"account"`
		Inherited int                 `json:"inherited_tokens"` // that had this name as owner already
	}{account, inherited})
	return nil
}

type accountEditBody struct {
	Role      *string `json:"role"`
	Enabled   *bool   `json:"enabled"`
	Password  *string `json:"password"`
	Subject   *string `json:"subject"`
	Overreach bool    `json:"disable_overreach"`
	DryRun    bool    `json:"dry_run"`
}

func (a *api) updateAccount(c *call) error {
	var body accountEditBody
	version, err := c.neededIfMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	change, err := a.Service.UpdateAccount(c.r.Context(), c.actor, c.r.PathValue("name"), admin.AccountEdit{
		Version: version, Role: body.Role, Enabled: body.Enabled, Password: body.Password, Subject: body.Subject,
		Disable: body.Overreach, DryRun: body.DryRun,
	})
	if err != nil {
		return err
	}
	told := struct {
		Account   admin.AccountRecord `json:"account"`
		Overreach []admin.Record      `json:"overreach"`
		Unseen    int                 `json:"overreach_unseen"` // how many more, that the actor may not see
	}{change.Account, a.records(change.Overreach.Tokens), change.Overreach.Unseen}
	if body.DryRun { // that version is not to be had
		a.answer(c.w, c.r, http.StatusOK, told)
		return nil
	}
	a.answerVersion(c, http.StatusOK, change.Account.Version, told)
	return nil
}

func (a *api) deleteAccount(c *call) error {
	plan := admin.TokenPlan{HandTo: c.query["hand_to"]}
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if plan.Delete, err = c.yes("delete_tokens"); err != nil {
		return err
	}
	if plan.Delete && plan.HandTo != "" {
		return invalidParameter("delete_tokens", "contradicts hand_to")
	}
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	removal, err := a.Service.DeleteAccount(c.r.Context(), c.actor, c.r.PathValue("name"), version, plan)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, struct {
		Account    admin.AccountRecord `json:"account"`
		HandedOver int                 `json:"handed_over"`
		Deleted    int                 `json:"deleted"`
		Overreach  []admin.Record      `json:"overreach"`
	}{removal.Account, removal.HandedOver, removal.Deleted, a.records(removal.Overreach)})
	return nil
}
