package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
	"github.com/tokenreeve/tokenreeve/token"
)

// What a permission requires, it requires over GraphQL too: the mutation answers with the
// same record as the PUT. A condition on the JSON body can't be found in a document, so
// there it counts as met.
func TestRequiredOverGraphQL(t *testing.T) {
	update := newPermission(t, "article.update", permission.Unmarked, "mutation updateArticle", "PUT /articles/{id}")
	update.Requires = []string{"article.view"}
	save := newPermission(t, "article.save", permission.Unmarked, "mutation saveArticle", "PUT /articles")
	save.Requires = []string{"article.create if json:upsert"}
	catalog := newCatalog(t, update, save,
		newPermission(t, "article.view", permission.Unmarked, "query article"), newPermission(t, "article.create", permission.Unmarked, "mutation createArticle"))
	store := newMemoryStore()
	g := newGate(t, store, newSources(t, Source{Place: Header, Name: "X-Cybozu-API-Token"}), catalog)
	pattern, err := permission.ParsePattern("/graphql")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := graphql.New(graphql.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	g.GraphQL = &GraphQL{Reader: reader, MaxBody: 10_000, Introspection: IntrospectionGrant}
	if g.GraphQL.Paths, err = permission.NewPaths([]permission.Pattern{pattern}); err != nil {
		t.Fatal(err)
	}
	const both = "article.update,article.view"
	for i, x := range []struct {
		grants, field, document string
		want                    Reason
		lacks                   string
	}{
		{"article.update", "updateArticle", "mutation { updateArticle { id } }", MissingPermission, "article.view"},
		{"article.update", "updateArticle", "mutation { a: updateArticle { id } __typename }", MissingPermission, "article.view"},
		{both, "updateArticle", "mutation { updateArticle { id } }", Allow, ""},
		{"article.save", "saveArticle", "mutation { saveArticle { id } }", MissingPermission, "article.create"},
		{"article.save,article.create", "saveArticle", "mutation { saveArticle { id } }", Allow, ""},
	} {
		tok := newToken("x", token.Custom, strings.Split(x.grants, ",")...)
		store.put(mint(uint64(i)), tok)
		kintoneRow{[]int{i}, "POST", "/graphql", jsonType, `{"query":"` + x.document + `"}`, x.want, nil}.decide(t, g)
		e, err := Explain(tok, catalog, nil, Asked{Method: permission.Mutation, Target: x.field}, time.Now())
		if err != nil || e.Reason != x.want || strings.Join(e.Lacks, " ") != x.lacks {
			t.Errorf("%s with %s is explained as %s, lacks %q, %v", x.field, x.grants, e.Reason, e.Lacks, err)
		}
	}
	kintoneRow{[]int{0}, "PUT", "/articles/1", jsonType, `{}`, MissingPermission, nil}.decide(t, g)
	kintoneRow{[]int{3}, "PUT", "/articles", jsonType, `{}`, Allow, nil}.decide(t, g)
}

// Tokens that are not held to anything share nothing that one could have twice.
func TestOneTokenForIsForCustomTokens(t *testing.T) {
	g := newKintone(t)
	bad := newToken("old", token.ReadOnly, "record.view app=7") // as a record can be after a change of its type
	s := newMemoryStore()
	s.put(mint(40), bad)
	s.put(mint(41), newToken("seven", token.Custom, "record.view app=7"))
	s.put(mint(42), newToken("full", token.FullAccess, "nonsense"))
	g.Resolver = newResolver(t, s, nil)
	kintoneRow{[]int{40, 41}, "GET", "/k/v1/record.json?app=7", "", "", Allow, nil}.decide(t, g)
	kintoneRow{[]int{41, 42}, "GET", "/k/v1/record.json?app=7", "", "", Allow, nil}.decide(t, g)
}

// Whoever has an operation written out needs what its permissions require, like whoever
// has the permission: else PUT would show the record to who may not see it. What is
// required is had by its name; another operation written out, or a wider one, is none.
func TestOperationsWrittenOutNeedWhatIsRequired(t *testing.T) {
	g := newKintone(t)
	s := newMemoryStore()
	g.Resolver = newResolver(t, s, nil)
	for i, x := range []struct {
		grants, body string
		want         Reason
	}{
		{"PUT /k/v1/record.json", `{"app":7}`, MissingPermission},
		{"PUT /k/v1/*", `{"app":7}`, MissingPermission},
		{"PUT /k/v1/record.json json:app={app} app=7", `{"app":7}`, MissingPermission},
		{"PUT /k/v1/record.json,GET /k/v1/record.json", `{"app":7}`, MissingPermission},
		{"PUT /k/v1/record.json,record.view app=8", `{"app":7}`, MissingPermission},
		{"PUT /k/v1/record.json,record.view app=7", `{"app":7}`, Allow},
		{"PUT /k/v1/record.json,record.view", `{"app":7}`, Allow},
		{"PUT /k/v1/record.json,record.view", `{"app":7,"upsert":true}`, MissingPermission},
		{"PUT /k/v1/record.json,record.view,record.add", `{"app":7,"upsert":true}`, Allow},
	} {
		s.put(mint(uint64(i)), newToken("x", token.Custom, strings.Split(x.grants, ",")...))
		kintoneRow{[]int{i}, "PUT", "/k/v1/record.json", jsonType, x.body, x.want, nil}.decide(t, g)
	}
}
