package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

func init() {
	caddy.RegisterModule(new(Admin))
}

// Admin serves the management of tokens: the pages, and the REST API below
// /api/v1. It answers every request that reaches it.
//
// It sets `{http.auth.user.id}` and `{http.auth.user.name}`: to those of the
// account that is signed in, or of the token that acts for it.
type Admin struct {
	// SignIn says how people sign in. Default: by password.
	SignIn *SignIn `json:"sign_in,omitempty"`
	// Hosts are names under which this is reachable beside those that the routes
	// to it match, IP addresses and those of loopback. "*.example.com" is every
	// name right below it.
	Hosts []string `json:"hosts,omitempty"`
	// AuditRetention is how long the audit trail is kept; 0 is forever. All such
	// handlers of a configuration have the same. Default: 400 days.
	AuditRetention *caddy.Duration `json:"audit_retention,omitempty"`

	app    *App
	gate   *Handler // of the tokens of the REST API
	logger *zap.Logger
	site   site       // set by the start of the app
	names  rest.Hosts // those of the site, and Hosts

	mu       sync.Mutex
	managing *managing    // that the following are made for
	secure   http.Handler // the REST API and the pages over TLS
	plain    http.Handler // and without, where cookies have another name
}

// SignIn says how people sign in. Scripts use tokens of the API tokenreeve
// whatever it says.
type SignIn struct {
	// Password lets accounts with a password sign in.
	Password bool `json:"password,omitempty"`
	// Header lets an authenticating proxy say who somebody is.
	Header *HeaderSignIn `json:"header,omitempty"`
	// OIDC lets a provider of OpenID Connect say who somebody is, at /sign-in/oidc.
	OIDC *OIDCSignIn `json:"oidc,omitempty"`
}

// byCookie reports whether some way leads to a session with a cookie.
func (s *SignIn) byCookie() bool { return s.Password || s.OIDC != nil }

var errReservedAPI = fmt.Errorf("the name %s is that of the management API, which api_tokens_admin protects by itself; choose another one", admin.ManagementAPI)

const (
	defaultRetention = 400 * 24 * time.Hour
	minRetention     = 24 * time.Hour
	maxRetention     = 100 * 365 * 24 * time.Hour
)

// CaddyModule returns the Caddy module information.
func (*Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.api_tokens_admin",
		New: func() caddy.Module { return new(Admin) },
	}
}

// Provision checks the configuration and joins the app.
func (a *Admin) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	if a.SignIn == nil || *a.SignIn == (SignIn{}) {
		a.SignIn = &SignIn{Password: true}
	}
	if a.SignIn.Header != nil {
		if err := a.SignIn.Header.provision(); err != nil {
			return err
		}
	}
	if a.SignIn.OIDC != nil {
		if err := a.SignIn.OIDC.provision(); err != nil {
			return err
		}
	}
	if err := errors.Join(a.checkHosts(), checkRetention(a.AuditRetention)); err != nil {
		return err
	}
	a.gate = &Handler{API: admin.ManagementAPI, Permissions: admin.ManagementPermissions(), management: true}
	if err := a.gate.Provision(ctx); err != nil {
		return err
	}
	a.app = a.gate.app
	return a.app.registerAdmin(a)
}

func (a *Admin) checkHosts() error {
	for _, name := range a.Hosts {
		if err := checkHost(name); err != nil {
			return err
		}
	}
	return nil
}

// checkHost refuses what can't be the name of a host.
func checkHost(name string) error {
	bare := strings.TrimPrefix(name, "*.")
	if bare == "" || strings.ContainsAny(bare, "*/:@{} \t") {
		return fmt.Errorf("%q is not a name of a host; write it without scheme, port and path, such as tokens.example.com", name)
	}
	return nil
}

// checkRetention keeps typing errors out that would delete the audit trail.
func checkRetention(d *caddy.Duration) error {
	if d == nil || *d == 0 {
		return nil
	}
	return within("audit_retention", time.Duration(*d), minRetention, maxRetention)
}

// ServeHTTP answers the request; next is never asked.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	rest.StrictHeaders(w.Header(), rest.NothingPolicy)
	m, release, err := a.enter(r.Context())
	if err != nil {
		a.failed(r, err)
		return answerProblem(w, problemOfStore())
	}
	defer release()
	if !a.names.Include(r.Host) {
		return answerProblem(w, problem{
			Status: http.StatusMisdirectedRequest, Code: "unknown_host",
			Detail: "There is nothing here under this name. Whoever runs this server can add it: host <name> in api_tokens_admin.",
		})
	}
	if serve := a.oidcRoute(r.URL.Path); serve != nil {
		return serve(m.service.Load(), w, r)
	}
	if refused := a.signInRefused(r); refused != nil {
		return answerProblem(w, *refused)
	}
	handler, plain := a.handlers(m)
	if !overTLS(r) {
		handler = plain
	}
	handler.ServeHTTP(w, r) // what panics with http.ErrAbortHandler passes
	return nil
}

// enter returns what manages tokens, and a function for when the request has been
// answered. Until then the runtime stays, also when the configuration of this
// handler has been replaced meanwhile; see Handler.checkLater.
func (a *Admin) enter(ctx context.Context) (*managing, func(), error) {
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-a.app.started:
	case <-waiting.Done():
		return nil, nil, errNotOpen
	}
	if a.gate.opened.Load() == nil {
		select {
		case <-a.app.replaced: // which comes first
		default:
			return nil, nil, errNotOpen // the start failed
		}
	}
	rt, _, err := acquireRuntime(a.app.settings, a.logger)
	if err != nil {
		return nil, nil, err
	}
	release := func() {
		if err := releaseRuntime(rt); err != nil {
			a.logger.Error("releasing the token store", zap.Error(err))
		}
	}
	if rt.managing.service.Load() == nil {
		release()
		return nil, nil, errNotReached
	}
	return &rt.managing, release, nil
}

// handlers returns what answers over TLS and without.
func (a *Admin) handlers(m *managing) (secure, plain http.Handler) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.managing != m {
		a.managing = m
		a.secure = a.newHandler(m, rest.HostCookie)
		a.plain = a.newHandler(m, rest.PlainCookie)
	}
	return a.secure, a.plain
}

// newHandler returns the REST API and, at all other paths, the pages.
func (a *Admin) newHandler(m *managing, cookie rest.Cookie) http.Handler {
	api, pages := a.newREST(m, cookie), a.newPages(m, cookie)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, rest.Path) {
			api.ServeHTTP(w, r)
		} else {
			pages.ServeHTTP(w, r)
		}
	})
}

func (a *Admin) newREST(m *managing, cookie rest.Cookie) http.Handler {
	who := authenticator{Admin: a, managing: m, cookie: cookie}
	return rest.New(rest.Config{
		Service: m.service.Load(), Authenticate: who.authenticate, Cookie: cookie, Admission: m.admission(cookie),
		Address: clientAddress, Now: time.Now, Failed: a.failed,
	})
}

// failed logs why a request could not be answered. That the store is away the
// runtime logs, once.
func (a *Admin) failed(r *http.Request, err error) {
	level := zap.ErrorLevel
	refused, ok := errors.AsType[*rest.ProblemError](err)
	if isAway(err) || errors.Is(err, errNotOpen) || ok && refused.Status == http.StatusServiceUnavailable {
		level = zap.DebugLevel
	}
	if line := a.logger.Check(level, "a management request failed"); line != nil {
		line.Write(zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Error(err))
	}
}

// clientAddress is the address as Caddy sees it: that of the connection, or what
// a proxy says that is among the trusted_proxies of the server.
func clientAddress(r *http.Request) string {
	if address, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string); ok && address != "" {
		return address
	}
	return peer(r).String()
}

// overTLS reports whether the browser speaks TLS, to us or to a trusted proxy.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || fromTrustedProxy(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

var (
	_ caddy.Provisioner           = (*Admin)(nil)
	_ caddyhttp.MiddlewareHandler = (*Admin)(nil)
)
