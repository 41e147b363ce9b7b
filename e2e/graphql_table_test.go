package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// graphQLRow is a request, what it does by its document, and how the gates
// refuse it that don't go by that.
type graphQLRow struct {
	what string
	graphQLRequest
	does string // operations, separated by commas
	// closed and opened are how the gates refuse it from every token but full
	// access, whose documents nobody reads: status, code and reason. Where it is
	// empty, tokens go by what they may do.
	closed, opened string
	// never is how all gates refuse it from everybody.
	never string
	// first is sent to the server itself beforehand.
	first *graphQLRequest
}

// How requests are refused.
const (
	forbidden     = "403 FORBIDDEN missing_permission"
	introspection = "403 FORBIDDEN refused_introspection"
	ambiguous     = "400 BAD_REQUEST ambiguous_request"
	unparsed      = "400 GRAPHQL_PARSE_FAILED ambiguous_request"
	overLimit     = "400 LIMIT_EXCEEDED ambiguous_request"
	tooLarge      = "413 LIMIT_EXCEEDED too_large"
	notFound      = "400 PERSISTED_QUERY_NOT_FOUND unknown_document"
	overridden    = "403 FORBIDDEN method_override"
	// Of paths that are no path of GraphQL as they stand.
	noPath  = "400 problem"
	noToken = "401 UNAUTHENTICATED invalid_token"
)

// TestGraphQL sends one table of requests with every token through every gate to
// each server. What ran on the server is the judge: a read-only token runs no
// mutation, a custom token its fields and no others, full access what runs
// without a gate.
func TestGraphQL(t *testing.T) {
	var servers []*graphQLServer
	for _, name := range graphQLServers {
		servers = append(servers, startGraphQL(t, name))
	}
	g := graphQLGateway(t, servers...)
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			s.t, g.t = t, t
			x := &graphQLTable{s, g, map[string]int{}}
			t.Run("table", x.all)
			t.Run("introspection denied", x.deniedIntrospection)
			t.Run("persisted", x.persisted)
			t.Run("preflight", x.preflight)
			t.Run("bodies", x.bodies)
			t.Run("tokens", x.tokens)
			t.Run("clients", x.clients)
		})
	}
	g.t = t
	for _, s := range servers {
		g.hasNoSecret("what "+s.name+" got", s.wire.bytes())
	}
	g.hasNoSecret("the gateway's output", g.process.out.String())
}

type graphQLTable struct {
	*graphQLServer
	gateway *gateway
	teeth   map[string]int // mutations that ran without a gate, by how the gate refuses them
}

func (x *graphQLTable) all(t *testing.T) {
	x.t = t
	for _, row := range slices.Concat(plainRows, disguisedRows, ambiguousRows, typeRows, uploadRows, otherRows) {
		if row.first != nil {
			row.first.send(t, x.addr, "")
		}
		x.ran()
		direct := row.send(t, x.addr, "")
		ran := x.ran()
		for _, field := range ran {
			if row.closed+row.never == "" && !slices.Contains(strings.Split(row.does, ", "), field) {
				t.Errorf("%s: without a gate it runs %s, which the row does not say", row.what, field)
			}
		}
		for _, gate := range []string{x.closed, x.opened} {
			for _, k := range graphQLTokens {
				x.judge(gate, k, &row, direct.status, ran)
			}
		}
		if i := slices.IndexFunc(ran, func(f string) bool { return strings.HasPrefix(f, "mutation ") }); i >= 0 {
			by := strings.TrimSpace(row.closed + row.never)
			x.teeth[by]++
			t.Logf("without a gate, %q runs %s", row.what, ran[i])
		}
	}
	t.Logf("mutations that run without a gate, by how it refuses them: %v", x.teeth)
	if x.teeth[""] == 0 || x.teeth[ambiguous] == 0 || x.teeth[notFound] == 0 {
		t.Error("the table would find no fault: without a gate no mutation of some kind runs")
	}
}

// judge sends a row with a token through a gate. Without the gate it gets the
// status and runs the fields.
func (x *graphQLTable) judge(gate string, k graphQLToken, row *graphQLRow, status int, runs []string) {
	x.t.Helper()
	want, does := row.closed, row.does
	if gate == x.opened {
		want = row.opened
		does = strings.NewReplacer("query __schema", "", "query __type", "").Replace(does)
	}
	switch {
	case row.never != "":
		want = row.never
	case k.name == "full":
		want = ""
	case want == "" && !k.mayAll(does):
		want = forbidden
	}
	before := x.wire.size()
	got := row.send(x.t, gate, x.gateway.secrets[k.name])
	ran := x.ran()
	name := fmt.Sprintf("%s, %s, opened: %v", row.what, k.name, gate == x.opened)
	for _, field := range ran {
		if !k.mayDo(field) {
			x.t.Errorf("%s: ran %s", name, field)
		}
	}
	reached := x.wire.size() > before
	switch refusal := refusalOf(row.method, got); {
	case want == "" && (refusal != "" && row.method != "HEAD" || !reached || got.status != status || !slices.Equal(ran, runs)):
		x.t.Errorf("%s: got %s %d %.200q, reached the server: %v, ran %q; want %d and %q", name, refusal, got.status, got.body, reached, ran, status, runs)
	case want != "" && (refusal != want && (row.method != "HEAD" || refusal != want[:3]) || reached || len(ran) > 0):
		x.t.Errorf("%s: got %s %.200q, reached the server: %v; want %s", name, refusal, got.body, reached, want)
	}
}

// refusalOf returns the status, code and reason of a refusal of the gate; "" for
// what is none. The answer to a HEAD has no more than the status. In an array all
// answers must be the same.
func refusalOf(method string, got answer) string {
	if got.status < 400 {
		return ""
	}
	status := strconv.Itoa(got.status)
	switch {
	case method == "HEAD":
		return status
	case strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json"):
		return status + " problem"
	}
	type refusal struct {
		Errors []struct{ Extensions struct{ Code, Reason string } }
	}
	var all []refusal
	if json.Unmarshal([]byte(got.body), &all) != nil {
		all = make([]refusal, 1)
		_ = json.Unmarshal([]byte(got.body), &all[0]) // a page of the server is no refusal
	}
	found := map[string]bool{}
	for _, one := range all {
		for _, e := range one.Errors {
			if e.Extensions.Reason != "" {
				found[status+" "+e.Extensions.Code+" "+e.Extensions.Reason] = true
			}
		}
	}
	if len(found) != 1 {
		return ""
	}
	for one := range found {
		return one
	}
	return ""
}
