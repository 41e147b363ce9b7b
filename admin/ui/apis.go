package ui

import (
	"net/http"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

// apiRoutes are the APIs and their catalogs.
var apiRoutes = []route{
	{method: "GET", path: "/apis", handle: (*ui).apis},
	{method: "GET", path: "/apis/{api}", handle: (*ui).oneAPI},
}

// apiView is an API as its page shows it.
type apiView struct {
	Name        string
	Own         bool // it is the management API, which is served here
	Updated     time.Time
	Permissions int
	Resources   []resource
	Gateways    []admin.Gateway
	Alive       int  // how many of them run
	Differ      bool // some that run have other permissions than those shown
	Versions    bool // some gateway's is known
	Tokens      *int // nil for who may read none
	Staged      bool // what changes about its tokens is a draft first
	Drafts      int  // that whoever looks may see
}

func newAPIView(api *admin.API) apiView {
	view := apiView{
		Name: api.API, Own: api.API == admin.ManagementAPI, Updated: api.Updated, Permissions: len(api.Permissions),
		Resources: resourcesOf(api.Permissions), Gateways: api.Gateways, Tokens: api.Tokens,
		Staged: api.Staged,
	}
	if api.Drafts != nil {
		view.Drafts = *api.Drafts
	}
	for _, g := range api.Gateways {
		view.Versions = view.Versions || g.Version != ""
		if g.Alive {
			view.Alive++
			view.Differ = view.Differ || !g.Current
		}
	}
	return view
}

func (u *ui) apis(c *call) error {
	apis, err := u.Service.APIs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	body := struct {
		APIs  []apiView
		Lines []string // of a Caddyfile, while nothing but the management API is there
	}{}
	others := false
	for i := range apis {
		view := newAPIView(&apis[i])
		body.APIs = append(body.APIs, view)
		others = others || !view.Own
	}
	if !others {
		body.Lines = u.firstGate(c)
	}
	return u.show(c, http.StatusOK, "apis", page{Title: "apis.title", Here: "/apis", Body: body})
}

func (u *ui) oneAPI(c *call) error {
	apis, err := u.Service.APIs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	name := c.r.PathValue("api")
	i := slices.IndexFunc(apis, func(api admin.API) bool { return api.API == name })
	if i < 0 {
		return store.ErrNotFound
	}
	return u.show(c, http.StatusOK, "api", page{Title: "apis.one", Name: name, Here: "/apis", Body: newAPIView(&apis[i])})
}
