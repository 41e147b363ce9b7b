package rest

import (
	_ "embed"
	"net/http"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

var apiRoutes = []route{
	{method: "GET", path: "/openapi.yaml", public: true, handle: (*api).document},
	{method: "GET", path: "/apis", handle: (*api).apis},
	{method: "GET", path: "/apis/{api}", handle: (*api).catalog},
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
	Name        string     `json:"name"`
	Permissions int        `json:"permission_count"`
	Updated     *time.Time `json:"updated"` // when a gateway last started with it; null before
}

// apiRecord is an API and its catalog.
type apiRecord struct {
	Name        string             `json:"name"`
	Permissions []permissionRecord `json:"permissions"`
	Updated     *time.Time         `json:"updated"`
}

type permissionRecord struct {
	Name       string           `json:"name"`
	Mark       *permission.Mark `json:"mark"` // null if unmarked
	Operations []string         `json:"operations"`
}

func (a *api) apis(c *call) error {
	catalogs, err := a.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	items := make([]apiSummary, len(catalogs))
	for i, catalog := range catalogs {
		items[i] = apiSummary{catalog.API, len(catalog.Permissions), moment(catalog.Updated)}
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(items, ""))
	return nil
}

func (a *api) catalog(c *call) error {
	catalogs, err := a.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	name := c.r.PathValue("api")
	i := slices.IndexFunc(catalogs, func(catalog store.Catalog) bool { return catalog.API == name })
	if i < 0 {
		return problem(http.StatusNotFound, "not_found", "There is no API of this name.")
	}
	record := apiRecord{Name: name, Permissions: []permissionRecord{}, Updated: moment(catalogs[i].Updated)}
	for _, p := range catalogs[i].Permissions {
		described := permissionRecord{Name: p.Name, Operations: []string{}}
		if p.Mark != permission.Unmarked {
			described.Mark = &p.Mark
		}
		for _, op := range p.Operations {
			described.Operations = append(described.Operations, op.String())
		}
		record.Permissions = append(record.Permissions, described)
	}
	a.answer(c.w, c.r, http.StatusOK, record)
	return nil
}

// moment returns nil for a zero time, which encodes as null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
