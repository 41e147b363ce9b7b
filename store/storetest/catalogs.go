package storetest

import (
	"encoding/json"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

var catalogTests = []test{
	{"catalogs come back sorted by API", func(s *suite) {
		equal(s, s.catalogs(), nil)
		b, a := s.catalog("b", "GET /b"), s.catalog("a", "GET /a/{id}", "POST /a")
		s.saveCatalogs(b, a)
		equal(s, s.catalogs(), []store.Catalog{a, b})
		s.change(func(tx store.Tx) error {
			inside, err := tx.Catalogs(s.ctx)
			s.ok(err)
			equal(s, inside, []store.Catalog{a, b})
			return nil
		})
	}},
	{"saving again replaces", func(s *suite) {
		old := s.catalog("a", "GET /a", "POST /a")
		s.saveCatalogs(old)
		fresh := s.catalog("a", "DELETE /a")
		fresh.Updated = now.Add(time.Hour)
		s.saveCatalogs(fresh)
		equal(s, s.catalogs(), []store.Catalog{fresh})
	}},
	{"an API may have no permissions", func(s *suite) {
		empty := store.Catalog{API: "a", Updated: now}
		s.saveCatalogs(empty)
		equal(s, s.catalogs(), []store.Catalog{empty})
	}},
	{"whether changes are staged comes back, and can be taken back", func(s *suite) {
		staged, direct := s.catalog("a", "GET /a"), s.catalog("b", "GET /b")
		staged.Staged = true
		s.saveCatalogs(staged, direct)
		equal(s, s.catalogs(), []store.Catalog{staged, direct})
		staged.Staged, direct.Staged = false, true
		s.saveCatalogs(staged, direct)
		equal(s, s.catalogs(), []store.Catalog{staged, direct})
	}},
	{"where GraphQL is comes back, and can be taken back", func(s *suite) {
		c := s.catalog("a", "GET /a")
		c.GraphQL = []store.GraphQL{{}, {Paths: []permission.Pattern{s.pattern("/gql/{v}"), s.pattern("/Gr%C3%A4ph")}, Introspection: "deny"}}
		s.saveCatalogs(c)
		equal(s, s.catalogs(), []store.Catalog{c})
		c.GraphQL = nil
		s.saveCatalogs(c)
		equal(s, s.catalogs(), []store.Catalog{c})
	}},
	{"names and marks come back", func(s *suite) {
		c := s.catalog("a", "POST /search")
		c.Permissions[0].Mark = permission.Read
		c.Permissions[0].Name = "search:all.run-it_now"
		s.saveCatalogs(c)
		equal(s, s.catalogs(), []store.Catalog{c})
	}},
}

// catalog returns one with a permission that allows the given operations.
func (s *suite) catalog(api string, operations ...string) store.Catalog {
	s.Helper()
	text, err := json.Marshal(map[string]any{"name": api + ".use", "operations": operations})
	s.ok(err)
	var p permission.Permission
	s.ok(json.Unmarshal(text, &p))
	return store.Catalog{API: api, Permissions: []permission.Permission{p}, Updated: now}
}

func (s *suite) pattern(text string) permission.Pattern {
	s.Helper()
	p, err := permission.ParsePattern(text)
	s.ok(err)
	return p
}

func (s *suite) catalogs() []store.Catalog {
	s.Helper()
	catalogs, err := s.Store.Catalogs(s.ctx)
	s.ok(err)
	return catalogs
}

func (s *suite) saveCatalogs(catalogs ...store.Catalog) {
	s.Helper()
	s.change(func(tx store.Tx) error {
		for _, c := range catalogs {
			if err := tx.SaveCatalog(s.ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}
