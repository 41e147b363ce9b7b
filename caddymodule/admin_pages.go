package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/admin/ui"
	"github.com/tokenreeve/tokenreeve/gate"
)

// setUpPath is where the set-up link leads.
const setUpPath = "/set-up"

// newPages returns the pages. Who comes with a token gets none: it is for the REST API.
func (a *Admin) newPages(m *managing, cookie rest.Cookie) http.Handler {
	who := authenticator{Admin: a, managing: m, cookie: cookie}
	return ui.New(ui.Config{
		Service: m.service.Load(), Authenticate: who.authenticatePerson, Cookie: cookie, Admission: m.admission(cookie),
		Password: a.SignIn.Password, Links: a.SignIn.links(), Place: a.place,
		Address: clientAddress, Now: time.Now, Failed: a.failed,
	})
}

// links are the ways to sign in that begin at another address.
func (s *SignIn) links() []ui.SignInLink {
	if s.OIDC == nil {
		return nil
	}
	name := s.OIDC.Issuer
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		name = u.Host
	}
	return []ui.SignInLink{{Name: name, Path: oidcPath}}
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

// place says where an API is to be reached, as far as this configuration tells.
func (a *Admin) place(api string) ui.Place {
	if api == admin.ManagementAPI {
		return placeOf(&a.site, a.gate.Sources)
	}
	return a.app.places[api]
}

// findPlaces finds out where the management and the APIs are.
func (a *App) findPlaces() {
	for _, h := range a.admins {
		if h.site = a.siteOf(h); h.site.address == "" {
			h.site.address = "http://localhost"
		}
	}
	a.places = a.placesOfGates()
}

// placesOfGates finds out where the APIs are. Of several gates of one API, those
// with TLS come first.
func (a *App) placesOfGates() map[string]ui.Place {
	places := map[string]ui.Place{}
	for _, h := range a.handlers {
		if h.management {
			continue
		}
		site := a.siteOf(h)
		known, ok := places[h.API]
		if !ok || known.Address == "" || strings.HasPrefix(site.address, "https:") && !strings.HasPrefix(known.Address, "https:") {
			place := placeOf(&site, h.Sources)
			if h.GraphQL != nil && len(h.GraphQL.Paths) > 0 {
				place.GraphQL = h.GraphQL.Paths[0].String()
			}
			places[h.API] = place
		}
	}
	return places
}

func placeOf(s *site, sources []gate.Source) ui.Place {
	place := ui.Place{Address: s.address}
	if guessed := strings.Contains(s.address, "//localhost") && !slices.Contains(s.hosts, "localhost"); guessed {
		if place.AnyHost = len(s.hosts) == 0; !place.AnyHost {
			place.Address = "" // names such as *.example.com
		}
	}
	switch best := leastShown(sources); best.Place {
	case gate.Authorization:
		place.Scheme = best.Name
	case gate.Header:
		place.Header = best.Name
	case gate.Query:
		place.Query = best.Name
	}
	return place
}

// leastShown returns the source whose credentials are written down least: logs hide
// Authorization, and addresses are kept in histories too.
func leastShown(sources []gate.Source) gate.Source {
	for _, place := range []gate.Place{gate.Authorization, gate.Header} {
		if i := slices.IndexFunc(sources, func(s gate.Source) bool { return s.Place == place }); i >= 0 {
			return sources[i]
		}
	}
	return sources[0]
}
