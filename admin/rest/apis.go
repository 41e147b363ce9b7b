package rest

import (
	_ "embed"
	"net/http"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
)

var apiRoutes = []route{
	{method: "GET", path: "/openapi.yaml", public: true, handle: (*api).document},
	{method: "GET", path: "/apis", handle: (*api).apis},
	{method: "GET", path: "/apis/{api}", handle: (*api).oneAPI},
}

// openAPI describes all routes. Tests hold it against them and their answers.
//
//go:embed openapi.yaml
var openAPI []byte

func (a *api) document(c *call) error {
	c.w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	_, _ = c.w.Write(openAPI)                            // who went away misses nothing
	return nil
}

// apiSummary is an API in a list.
type apiSummary struct {
	Name        string          `json:"name"`
	Permissions int             `json:"permission_count"`
	Tokens      *int            `json:"token_count"` // that one may read; null for who may read none
	Staged      bool            `json:"staged"`      // what changes is a draft first
	Drafts      *int            `json:"draft_count"` // that one may see; null for who may see none
	Updated     *time.Time      `json:"updated"`     // when a gateway first had this catalog; null before
	Gateways    []gatewayRecord `json:"gateways"`
}

// apiRecord is an API and its catalog.
type apiRecord struct {
	Name        string             `json:"name"`
	Permissions []permissionRecord `json:"permissions"`
	Tokens      *int               `json:"token_count"`
	Staged      bool               `json:"staged"`
	Drafts      *int               `json:"draft_count"`
	Updated     *time.Time         `json:"updated"`
	Gateways    []gatewayRecord    `json:"gateways"`
}

// gatewayRecord is a gateway in front of an API.
type gatewayRecord struct {
	Name    string     `json:"name"`
	Version *string    `json:"version"` // null if it isn't known
	Started *time.Time `json:"started"`
	Seen    *time.Time `json:"seen"`
	Alive   bool       `json:"alive"`
	Current bool       `json:"current"`
}

type permissionRecord struct {
	Name       string           `json:"name"`
	Mark       *permission.Mark `json:"mark"` // null if unmarked
	Operations []string         `json:"operations"`
	Parameters []string         `json:"parameters"` // that grants of it can fix
	Requires   []string         `json:"requires"`
}

func (a *api) apis(c *call) error {
	apis, err := a.Service.APIs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	items := make([]apiSummary, len(apis))
	for i, one := range apis {
		items[i] = apiSummary{one.API, len(one.Permissions), one.Tokens, one.Staged, one.Drafts, moment(one.Updated), gatewayRecords(one.Gateways)}
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(items, ""))
	return nil
}

func (a *api) oneAPI(c *call) error {
	apis, err := a.Service.APIs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	name := c.r.PathValue("api")
	i := slices.IndexFunc(apis, func(one admin.API) bool { return one.API == name })
	if i < 0 {
		return noAPI()
	}
	a.answer(c.w, c.r, http.StatusOK, apiRecord{
		Name: name, Permissions: permissionRecords(apis[i].Permissions), Tokens: apis[i].Tokens,
		Staged: apis[i].Staged, Drafts: apis[i].Drafts, Updated: moment(apis[i].Updated), Gateways: gatewayRecords(apis[i].Gateways),
	})
	return nil
}

func noAPI() error { return problem(http.StatusNotFound, "not_found", "There is no API of this name.") }

func permissionRecords(permissions []permission.Permission) []permissionRecord {
	records := make([]permissionRecord, len(permissions))
	for i, p := range permissions {
		records[i] = permissionRecord{
			Name: p.Name, Operations: []string{}, Parameters: p.Captures(), Requires: append([]string{}, p.Requires...),
		}
		if p.Mark != permission.Unmarked {
			records[i].Mark = &p.Mark
		}
		for _, op := range p.Operations {
			records[i].Operations = append(records[i].Operations, op.String())
		}
	}
	return records
}

func gatewayRecords(gateways []admin.Gateway) []gatewayRecord {
	records := make([]gatewayRecord, len(gateways))
	for i, g := range gateways {
		records[i] = gatewayRecord{Name: g.Name, Started: moment(g.Started), Seen: moment(g.Seen), Alive: g.Alive, Current: g.Current}
		if g.Version != "" {
			records[i].Version = &g.Version
		}
	}
	return records
}

// moment returns nil for a zero time, which encodes as null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
