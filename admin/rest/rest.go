// Package rest is the REST API of managing tokens: HTTP in front of package
// admin, which has all rules. What its routes take and answer is in openapi.yaml.
package rest

import (
	"net"
	"net/http"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
)

// Path is where the API begins.
const Path = admin.ManagementPath + "/"

// Authenticator says who asks. If nobody may be said to, it returns an error that
// package admin has for it, such as admin.ErrSignedOut, or a *ProblemError that is
// answered as it is. It is called once for each request that isn't public.
type Authenticator func(r *http.Request) (admin.Actor, error)

// Config is what the API needs to know.
type Config struct {
	Service *admin.Service
	// Authenticate says who asks; nil is BySession. Who takes tokens as well
	// refuses a request that has both a token and a session.
	Authenticate Authenticator
	Cookie       Cookie // empty is HostCookie
	// Address returns the IP address of who asks; nil is that of the connection.
	Address func(r *http.Request) string
	// Admission bounds how often somebody may ask; nil is one of the usual rates.
	// Attempts to sign in are throttled by the service beside it.
	Admission *Admission
	Now       func() time.Time
	// Failed is told of technical failures, which are answered without detail. It may be nil.
	Failed func(r *http.Request, err error)
}

// api serves the REST API.
type api struct {
	Config

	mux      *http.ServeMux
	crossing http.CrossOriginProtection
}

// New returns a handler of everything below Path. Whoever serves it sees to it that
// it is asked under a name of its own: see Hosts.
func New(c Config) http.Handler {
	if c.Cookie == "" {
		c.Cookie = HostCookie
	}
	if c.Address == nil {
		c.Address = remoteAddress
	}
	if c.Failed == nil {
		c.Failed = func(*http.Request, error) {}
	}
	if c.Authenticate == nil {
		c.Authenticate = BySession(c.Service, c.Cookie, c.Address)
	}
	if c.Admission == nil {
		c.Admission = NewAdmission(c.Cookie, c.Address, Rate{}, Rate{}, c.Now)
	}
	a := &api{Config: c, mux: http.NewServeMux()}
	for _, route := range routes() {
		a.mux.HandleFunc(route.method+" "+admin.ManagementPath+route.path, a.serve(route))
	}
	return a
}

// BySession says who asks by the session of a browser alone.
func BySession(s *admin.Service, cookie Cookie, address func(*http.Request) string) Authenticator {
	return func(r *http.Request) (admin.Actor, error) {
		secret := cookie.Secret(r)
		if secret == "" {
			return admin.Actor{}, admin.ErrSignedOut
		}
		return s.SessionActor(r.Context(), secret, address(r))
	}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	StrictHeaders(w.Header(), NothingPolicy)
	if err := a.crossing.Check(r); err != nil {
		a.fail(w, r, problem(http.StatusForbidden, "cross_origin", "A page of another origin made this request; only pages of this one may."))
		return
	}
	if refused := a.unrouted(w, r); refused != nil {
		a.fail(w, r, refused)
		return
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent) // unrouted has set Allow
		return
	}
	a.mux.ServeHTTP(w, r)
}

func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
