package admin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestExplain(t *testing.T) {
	f := newFixture(t)
	custom, _ := f.create(t, nil)
	reader, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Type, d.Grants = "reader", token.ReadOnly, nil })
	for _, test := range []struct {
		token                      token.Token
		method, path               string
		reason                     gate.Reason
		operations, grants, missed string
	}{
		{custom, "GET", "/api/articles", gate.Allow, "GET /api/articles", "article.find", "article.find"},
		{custom, "POST", "/api/search", gate.Allow, "", "POST /api/search", ""},
		{custom, "PATCH", "/api/articles/1", gate.MissingPermission, "PATCH /api/articles/{id}", "", "article.update"},
		{reader, "GET", "/api/articles/1", gate.Allow, "GET /api/articles/{id}", "", "article.find_one"},
		{reader, "DELETE", "/api/articles/1", gate.MissingPermission, "DELETE /api/articles/{id}", "", "article.delete"},
	} {
		e, err := f.Explain(t.Context(), operator, test.token.ID, gate.Asked{Method: test.method, Target: test.path})
		switch {
		case err != nil || e.Reason != test.reason:
			t.Errorf("%s %s: %s, %v; want %s", test.method, test.path, e.Reason, err, test.reason)
		case strings.Join(e.Operations, ", ") != test.operations || strings.Join(e.Grants, ", ") != test.grants ||
			strings.Join(e.Permissions, ", ") != test.missed:
			t.Errorf("%s %s: operations %q, grants %q, permissions %q", test.method, test.path, e.Operations, e.Grants, e.Permissions)
		}
	}
	for method, path := range map[string]string{"get": "/api/articles", "GET": "articles"} {
		_, err := f.Explain(t.Context(), operator, custom.ID, gate.Asked{Method: method, Target: path})
		if fields := problems(t, err); fields != "method" && fields != "path" {
			t.Errorf("%s %s: got %v", method, path, err)
		}
	}
}

// Where gates have GraphQL in different ways, all of them must allow the request. What a
// document can have explained is bounded.
func TestExplainGraphQL(t *testing.T) {
	f := newFixture(t)
	path, err := permission.ParsePattern("/graphql")
	if err != nil {
		t.Fatal(err)
	}
	with := func(introspection string) store.GraphQL {
		return store.GraphQL{Paths: []permission.Pattern{path}, Introspection: introspection}
	}
	custom, _ := f.create(t, func(d *admin.NewToken) { d.Grants = []string{"POST /graphql", "query *", "query __schema"} })
	fields := func(n int) string {
		text := ""
		for i := range n {
			text += fmt.Sprintf(" f%d", i)
		}
		return `{"query":"{` + text + `}"}`
	}
	c := catalog(t, "articles")
	for _, test := range []struct {
		ways               []store.GraphQL
		method, path, body string
		want               gate.Reason // none if it can't be explained
	}{
		{nil, "POST", "/graphql", fields(1), gate.Allow},
		{[]store.GraphQL{{}, with("grant")}, "POST", "/graphql", fields(1), gate.Allow},
		{[]store.GraphQL{{}, with("grant")}, "POST", "/graphql", `{"query":"mutation { a }"}`, gate.MissingPermission},
		{[]store.GraphQL{with("allow"), with("deny")}, "POST", "/graphql", `{"query":"{ __schema { types } }"}`, gate.RefusedIntrospection},
		{[]store.GraphQL{with("deny"), with("grant")}, "query", "__schema", "", gate.RefusedIntrospection},
		{[]store.GraphQL{{}, with("grant")}, "query", "__schema", "", gate.Allow},
		{[]store.GraphQL{with("grant")}, "query", "__type", "", gate.MissingPermission},
		{[]store.GraphQL{with("allow")}, "query", "__type", "", gate.Allow},
		{[]store.GraphQL{with("grant")}, "query", strings.Repeat("a", 300), "", gate.AmbiguousRequest},
		{[]store.GraphQL{with("grant")}, "POST", "/graphql", `{"query":"{ ` + strings.Repeat("a", 300) + ` }"}`, gate.AmbiguousRequest},
		{[]store.GraphQL{with("grant")}, "POST", "/graphql", fields(50), gate.Allow},
		{[]store.GraphQL{with("grant")}, "POST", "/graphql", fields(51), ""},
	} {
		c.GraphQL = test.ways
		saveCatalog(t, f.store, c)
		e, err := f.Explain(t.Context(), operator, custom.ID, gate.Asked{Method: test.method, Target: test.path, JSON: test.body})
		if e.Reason != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%v: %s %s %s: %s, %v; want %s", test.ways, test.method, test.path, test.body, e.Reason, err, test.want)
		}
		if e.Reason == gate.AmbiguousRequest && len(e.Permissions)+len(e.Grants) > 0 {
			t.Errorf("%s %s has permissions that say nothing about it: %v, %v", test.method, test.path, e.Permissions, e.Grants)
		}
	}
}

// leaving is a store whose client goes away once the catalogs are read.
type leaving struct {
	store.Store

	leave func()
}

func (l *leaving) Catalogs(ctx context.Context) ([]store.Catalog, error) {
	list, err := l.Store.Catalogs(context.WithoutCancel(ctx))
	if l.leave != nil {
		l.leave()
	}
	return list, err
}

// An attack: hundreds ask for explanations at once, each of which takes memory. Few are made at a
// time, and who goes away does not wait on.
func TestFewExplanationsAtATime(t *testing.T) {
	f := newFixture(t)
	made, _ := f.create(t, nil)
	explaining, goOn := make(chan struct{}), make(chan struct{})
	watched := &leaving{Store: f.store}
	slow := admin.New(watched, func() time.Time {
		explaining <- struct{}{}
		<-goOn
		return f.now
	}, rand.Reader)
	done := make(chan error)
	explain := func(ctx context.Context) {
		_, err := slow.Explain(ctx, operator, made.ID, gate.Asked{Method: "GET", Target: "/api/articles"})
		done <- err
	}
	const most = 4
	for range most {
		go explain(t.Context())
		<-explaining
	}
	for range 16 { // if there were a place, each could get it all the same
		var ctx context.Context
		ctx, watched.leave = context.WithCancel(t.Context())
		go explain(ctx)
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("one more: %v", err)
			}
		case <-explaining:
			t.Errorf("%d are made at a time", most+1)
			goOn <- struct{}{}
			<-done
		}
	}
	watched.leave = nil
	go explain(t.Context())
	for range most {
		goOn <- struct{}{}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	<-explaining // as soon as there is a place
	goOn <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
