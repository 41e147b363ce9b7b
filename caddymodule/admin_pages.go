package caddymodule

import (
	"net/http"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/admin/ui"
)

// setUpPath is where the set-up link leads.
const setUpPath = "/set-up"

// newPages returns the pages. Who comes with a token gets none: it is for the REST API.
func (a *Admin) newPages(m *managing, cookie rest.Cookie) http.Handler {
	who := authenticator{Admin: a, managing: m, cookie: cookie}
	return ui.New(ui.Config{
		Service: m.service.Load(), Authenticate: who.authenticatePerson, Cookie: cookie,
		Password: a.SignIn.Password, Place: a.place,
		Address: clientAddress, Now: time.Now, Failed: a.failed,
	})
}

// authenticatePerson is authenticate for pages.
func (a authenticator) authenticatePerson(r *http.Request) (admin.Actor, error) {
	actor, err := a.authenticate(r)
	if err == nil && actor.Token != nil {
		return admin.Actor{}, errTokenOnPage
	}
	return actor, err
}

var errTokenOnPage = &rest.ProblemError{
	Status: http.StatusForbidden, Code: "token_on_page",
	Detail: "The pages are for people who sign in. Programs with a token use the REST API below " + rest.Path + ".",
}

// place says where an API is to be reached.
func (*Admin) place(string) ui.Place { return ui.Place{} }
