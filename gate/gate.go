// Package gate is the way of a request: from the credentials in it to the
// decision, and from there to what the backend gets. Check reads as that way.
package gate

import (
	"errors"
	"net/http"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
)

// Gate decides about the requests to one API. It is safe for concurrent use.
type Gate struct {
	API      string
	Catalog  *permission.Catalog
	Sources  *Sources
	Resolver *Resolver
	// Salted is nil if the store has no hashes of other systems for the API.
	Salted   *Salted
	Recorder *Recorder
	// Openings are what the routes of the API let in that is refused elsewhere.
	Openings permission.Openings
	// GraphQL is nil if the API has none.
	GraphQL *GraphQL
	// OneTokenFor is what a grant can fix for which a request may have one token only:
	// "app" refuses two tokens that are held to the same app.
	OneTokenFor string
	// MaxBody is the longest body in bytes that is read because parameters in it decide;
	// 0 is DefaultMaxBody. GraphQL has its own.
	MaxBody int64
	// Password is nil if the backend takes no other credentials than tokens.
	Password *Password
	// CheckPreflights makes CORS preflights need a token like everything else.
	CheckPreflights bool
	// Address returns where a request came from, to be recorded with its tokens'
	// use. What is no IP address is not. It may be nil.
	Address func(*http.Request) string
	Now     func() time.Time
}

// Decision is what a gate decided about a request, and why.
type Decision struct {
	Reason Reason
	// Tokens are the known tokens of the credentials: those that allow the
	// request if it is allowed, else those that it was refused for, if any.
	Tokens Tokens
	// Match is what the request does, as far as that was reached: if it does
	// several things, the one that it was refused for.
	Match permission.Match
	// Bulk is how many requests a bulk request holds that was refused for a missing
	// permission, and Part the index of the one that it is missing for.
	Bulk, Part int
	// Permission is the one that allowed the request, or a grant written out that did,
	// or the permission that would have, if there is one.
	Permission string
	// ReadBody is set if nothing is decided yet, see Check. It reads as much of the
	// body as decides about the request, and puts one in its place that gives the
	// same bytes from the beginning.
	ReadBody func(*http.Request)
	// FromQuery says that the credential came in the query of the URL.
	FromQuery bool
	// DropQuery says that the query must not go on: some servers would run the
	// document in it, and this is a preflight, which nobody answers for.
	DropQuery bool
	// began is when Check did, if ReadBody is set.
	began time.Time
	// graphQL says that ReadBody reads the document of a GraphQL request. Match is
	// what it would do without one then, and override as in Matches.
	graphQL, override bool
	// counts says that the request counts for Permission, and more for what else.
	counts bool
	more   []counted
	// beside are the other tokens of an allowed request: they are in use, too.
	beside []*Known
	// Err is the technical failure, or what is ambiguous about the request.
	Err error
}

// Check takes a request from its credentials to the decision and records the
// use. It changes nothing of the request; Forward does, for those that go on.
//
// If the body has a say in it, Check decides nothing and sets ReadBody. It
// never reads from a client itself: what it needs must not be held up by one.
// The caller then calls that function, and Resume; it changes nothing of the
// request in between.
func (g *Gate) Check(r *http.Request) Decision {
	if g.Password.stands(r.Header) {
		return g.checkPassword(r)
	}
	if !g.CheckPreflights && isPreflight(r) {
		return g.checkPreflight(r)
	}
	now := g.Now()

	credentials, reason := g.Sources.Extract(r)
	if reason != "" {
		return Decision{Reason: reason, FromQuery: credentials.FromQuery}
	}
	d := Decision{FromQuery: credentials.FromQuery}
	d.Tokens, d.Reason, d.Err = g.Resolver.Resolve(r.Context(), credentials, g.Salted, now)
	if d.Reason == "" {
		d.Tokens, d.Reason = usable(d.Tokens, g.API, now)
	}
	if d.Reason == "" && g.OneTokenFor != "" && d.Tokens.Rest != nil {
		d.Reason = g.oneTokenEach(&d.Tokens)
	}
	if d.Reason == "" {
		g.decide(r, &d)
	}
	if d.ReadBody != nil {
		d.began = now
		return d
	}
	g.record(r, &d, now)
	return d
}

// patience is how long after Check its tokens are good enough for Resume.
const patience = time.Second

// Resume goes on where Check stopped, after the body was read. If that took
// long it begins anew: a client that keeps its body back must not keep
// the rights of a token that is gone meanwhile.
func (g *Gate) Resume(r *http.Request, d Decision) Decision {
	now := g.Now()
	if now.Sub(d.began) > patience {
		return g.Check(r)
	}
	d.ReadBody = nil
	if d.graphQL {
		g.decideGraphQL(r, &d, Matches{First: d.Match, Override: d.override})
	} else {
		g.decide(r, &d)
	}
	g.record(r, &d, now)
	return d
}

// decide goes on with a request whose tokens are good.
func (g *Gate) decide(r *http.Request, d *Decision) {
	does, reason, err := Describe(r, g.Catalog, g.Openings)
	graphQL := reason == "" && g.GraphQL.concerns(&does)
	if graphQL && !(d.Tokens.mayAll() && g.GraphQL.Introspection != IntrospectionDeny) {
		g.decideGraphQL(r, d, does)
		return
	}
	if reason == "" && !d.Tokens.mayAll() {
		var read func(*http.Request)
		if read, reason, err = g.readParameters(r, d.Tokens, &does); read != nil {
			d.ReadBody, d.Match = read, does.First
			return
		}
	}
	g.conclude(d, &does, reason, err)
	if d.Reason == Allow && isForm(r) && !d.Tokens.mayAll() {
		named := does.named(r)
		if d.Reason, d.Err = checkForm(r.Body, named); d.Reason == "" {
			d.ReadBody = func(r *http.Request) { readForm(r, named) }
		}
	}
}

// decideGraphQL goes on with a request whose document decides. That may have to be
// read first.
func (g *Gate) decideGraphQL(r *http.Request, d *Decision, does Matches) {
	read, reason, err := g.GraphQL.describe(r, &does, g.Catalog)
	if read != nil {
		d.ReadBody, d.Match, d.graphQL, d.override = read, does.First, true, does.Override
		return
	}
	if reason == "" {
		does.require(g.Catalog)
	}
	g.conclude(d, &does, reason, err)
}

// conclude decides, unless there is a reason to refuse already.
func (g *Gate) conclude(d *Decision, does *Matches, reason Reason, err error) {
	d.Match, d.Reason, d.Err = does.First, reason, err
	if d.Reason == "" {
		all := d.Tokens
		d.Tokens, d.Match, d.Permission, d.Reason = Decide(all, g.Catalog, does)
		d.counts = !does.Free
		switch {
		case d.Reason == Allow:
			d.beside = all.without(d.Tokens)
		case d.Reason == MissingPermission && does.Bulk > 0:
			d.Bulk, d.Part = does.Bulk, refusedPart(all, g.Catalog, does)
		}
	}
	if d.Reason == Allow && d.counts && (does.Rest != nil || d.Tokens.Rest != nil) {
		d.more = countAll(d.Tokens, g.Catalog, does, d.Permission)
	}
	if d.Reason == MissingPermission {
		d.Permission = g.Catalog.Name(d.Match)
	}
	if d.Reason == MethodOverride {
		d.Err = errOverride
	}
}

// record notes what was decided. The address is asked for only if it will be kept.
func (g *Gate) record(r *http.Request, d *Decision, now time.Time) {
	address := ""
	if g.Address != nil && d.Reason.inUse() {
		address = g.Address(r)
	}
	g.Recorder.Record(d, address, now)
}

// isPreflight recognises a CORS preflight (https://fetch.spec.whatwg.org/#cors-preflight-request).
// One with a body or an upgrade is none: it would carry more than a question.
func isPreflight(r *http.Request) bool {
	noBody := r.ContentLength == 0 || r.ContentLength < 0 && r.ProtoMajor == 3 // unknown there; Forward sees to it
	return r.Method == http.MethodOptions && noBody &&
		r.Header["Origin"] != nil && r.Header["Access-Control-Request-Method"] != nil && r.Header["Upgrade"] == nil
}

// checkPreflight lets a preflight through whose path has one reading.
func (g *Gate) checkPreflight(r *http.Request) Decision {
	d := Decision{Reason: Preflight}
	does, reason, err := Describe(r, g.Catalog, g.Openings)
	if reason != "" {
		return Decision{Match: does.First, Reason: reason, Err: err}
	}
	// Browsers send the query along, but no server needs it to answer.
	d.DropQuery = g.GraphQL.concerns(&does)
	if others, _ := otherMethods(r); len(others) > 0 { // nobody is there who could be allowed them
		return Decision{Match: does.First, Reason: AmbiguousRequest, Err: errPreflight}
	}
	return d
}

var errPreflight = errors.New("a CORS preflight asks for another method in X-HTTP-Method-Override or _method")
