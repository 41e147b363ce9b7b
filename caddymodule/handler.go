package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler is the gate of one API: it lets a request through only with a token
// that may do what the request does. What it lets through reaches the next
// handler without the credential, without the cookies of the management pages, and
// with headers that say whose it is.
//
// It sets the placeholders of Caddy's own authentication:
//
// Placeholder | Description
// ------------|---------------
// `{http.auth.user.id}` | The id of the token
// `{http.auth.user.name}` | Its name
// `{http.auth.user.type}` | Its type: read-only, full-access or custom
// `{http.auth.user.owner}` | Its owner
// `{http.auth.user.api}` | Its API
//
// For a request that was refused for a token that can't be used (disabled,
// expired, of another API) `{http.auth.candidate.id}` is the id of that token.
type Handler struct {
	// API is the name of what is protected. Tokens belong to exactly one API.
	// Default: default.
	API string `json:"api,omitempty"`
	// Sources are the places in which credentials may stand. Default:
	// authorization Bearer and header X-API-Key.
	Sources []gate.Source `json:"sources,omitempty"`
	// MaxTokens is how many credentials a list may hold. Default: 9.
	MaxTokens int `json:"max_tokens,omitempty"`
	// Permissions name what custom tokens can be granted.
	Permissions []permission.Permission `json:"permissions,omitempty"`
	// IdentityHeaders is the prefix of the headers that tell the backend whose
	// request it gets, or off. Default: X-Token-.
	IdentityHeaders string `json:"identity_headers,omitempty"`
	// GraphQL says where the backend has GraphQL, if it has.
	GraphQL *GraphQL `json:"graphql,omitempty"`
	// Openings let in on certain paths what is refused elsewhere.
	Openings permission.Openings `json:"openings,omitempty"`
	// CheckPreflights makes CORS preflights need a token like other requests.
	CheckPreflights bool `json:"check_preflights,omitempty"`
	// Dialect is kintone, strapi or apitoken to answer refusals as these do, and to
	// look for credentials where their clients put them.
	Dialect string `json:"dialect,omitempty"`
	// Password is pass to let requests with kintone's password header through without a
	// token. By default they are refused: there, a password wins over a token.
	Password string `json:"password,omitempty"`
	// Salt is Strapi's API_TOKEN_SALT, for tokens that were taken over from there:
	// {env.NAME} or {file.PATH}, which is filled in when the configuration is loaded.
	Salt string `json:"salt,omitempty"`
	// MaxBody is the longest body in bytes that is read because parameters in it decide
	// about the request. Default: 4 MiB, with dialect kintone 16 MiB.
	MaxBody int64 `json:"max_body,omitempty"`
	// Errors is caddy to leave the answers to refused requests to Caddy's error
	// routes (handle_errors). By default they are problem JSON (RFC 9457).
	Errors string `json:"errors,omitempty"`
	// Changes is staged to have what people change about tokens be drafts until the API is
	// updated. By default changes hold at once. All gateways of an API should say the same.
	Changes string `json:"changes,omitempty"`

	app       *App
	dialect   *dialect // nil if there is none
	catalog   *permission.Catalog
	sources   *gate.Sources
	salted    *gate.Salted  // nil if there is no salt
	graphQL   *gate.GraphQL // nil if there is none
	forwarder *gate.Forwarder
	logger    *zap.Logger
	opened    atomic.Pointer[openGate]

	oneTokenFor string // these two are brought by the dialect
	password    *gate.Password

	takesQueries bool // one of the sources is a query
	management   bool // this is the gate of the management API, within Admin
}

// openGate is a gate with the runtime behind it.
type openGate struct {
	gate.Gate
	inside    atomic.Int64 // requests in check
	allowed   prometheus.Counter
	decisions map[gate.Reason]prometheus.Counter
}

const (
	errorsCaddy = "caddy"
	identityOff = "off"
	maxTokens   = 100
	maxBody     = 64 << 20
	// startTimeout is how long a request waits that comes before the store is open.
	startTimeout = 30 * time.Second
	// closeTimeout is how long Cleanup waits for requests that are being decided on.
	closeTimeout = 5 * time.Second
)

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.api_tokens",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision checks the configuration and joins the app.
func (h *Handler) Provision(ctx caddy.Context) (err error) {
	h.logger = ctx.Logger()
	if err := h.setDefaults(); err != nil {
		return err
	}
	if h.sources, err = gate.NewSources(h.Sources, h.MaxTokens); err != nil {
		return err
	}
	redactSources(h.sources)
	if err := h.bring(); err != nil {
		return err
	}
	h.takesQueries = slices.ContainsFunc(h.Sources, func(s gate.Source) bool { return s.Place == gate.Query })
	if h.catalog, err = permission.NewCatalog(h.permissions()); err != nil {
		return err
	}
	prefix := h.IdentityHeaders
	if prefix == identityOff {
		prefix = ""
	}
	if h.salted, err = h.openSalt(); err != nil {
		return err
	}
	if h.graphQL, err = h.GraphQL.open(); err != nil {
		return err
	}
	if err := h.Openings.Check(); err != nil {
		return err
	}
	h.forwarder = gate.NewForwarder(h.sources, prefix, h.Openings)
	app, err := ctx.App("api_tokens")
	if err != nil {
		return err
	}
	h.app, _ = app.(*App) // it is registered under this name
	h.catalog, err = h.app.register(h, h.catalog)
	return err
}

func (h *Handler) setDefaults() error {
	if h.API == "" {
		h.API = defaultAPI
	}
	if err := h.setDialect(); err != nil {
		return err
	}
	if len(h.Sources) == 0 {
		h.Sources = gate.DefaultSources()
	}
	if h.MaxTokens == 0 {
		h.MaxTokens = gate.DefaultMaxTokens
	}
	if h.IdentityHeaders == "" {
		h.IdentityHeaders = gate.DefaultIdentityPrefix
	}
	if h.API == admin.ManagementAPI && !h.management {
		return errReservedAPI
	}
	if err := gate.CheckIdentityPrefix(h.IdentityHeaders); h.IdentityHeaders != identityOff && err != nil {
		return err
	}
	return errors.Join(
		token.CheckAPI(h.API), within("max_tokens", int64(h.MaxTokens), 1, maxTokens), within("max_body", h.MaxBody, 0, maxBody),
		orNothing("errors", h.Errors, errorsCaddy), orNothing("changes", h.Changes, changesStaged),
	)
}

// orNothing returns an error if a field has another value than the one that it can have.
func orNothing(field, value, only string) error {
	if value != "" && value != only {
		return fmt.Errorf("%s is %q; it can be %s or nothing", field, value, only)
	}
	return nil
}

// open returns the gate with the runtime behind it.
func (h *Handler) open(rt *runtime) *openGate {
	decisions := rt.metrics.decisionCounters(h.API)
	return &openGate{
		Gate: gate.Gate{
			API: h.API, Catalog: h.catalog, Sources: h.sources, Resolver: rt.resolver, Salted: h.salted, Recorder: rt.recorder,
			Openings: h.Openings, GraphQL: h.graphQL, CheckPreflights: h.CheckPreflights, Address: clientAddress, Now: time.Now,
			OneTokenFor: h.oneTokenFor, Password: h.password, MaxBody: h.MaxBody,
		},
		allowed: decisions[gate.Allow], decisions: decisions,
	}
}

// headerValues is room for the values of the headers that the gate adds to one
// request and its answer.
type headerValues struct {
	identity gate.Values
	private  [1]string
}

// valuesBlock is room for many requests. One allocation serves them all, and none
// gets what another has used.
type valuesBlock struct {
	values [64]headerValues
	used   int
}

var valuesBlocks = sync.Pool{New: func() any { return new(valuesBlock) }}

func newValues() *headerValues {
	block, _ := valuesBlocks.Get().(*valuesBlock) // it holds nothing else
	values := &block.values[block.used]
	if block.used++; block.used < len(block.values) {
		valuesBlocks.Put(block)
	}
	return values
}

// ServeHTTP decides about the request, and refuses it or hands it on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	d, err := h.decide(r)
	if err != nil {
		return h.refuse(w, r, &gate.Decision{Reason: gate.StoreUnavailable, Err: err})
	}
	setPlaceholders(r, &d)
	if !d.Reason.Allows() {
		refused := d // so that only refusals are allocated
		return h.refuse(w, r, &refused)
	}
	values := newValues()
	switch {
	case d.FromQuery:
		w = keepUnseen(w)
	case d.Tokens.First != nil || d.Reason == gate.PasswordPassed:
		keepPrivate(w.Header(), &values.private)
	}
	if d.DropQuery {
		dropQuery(r)
	}
	if d.Reason == gate.PasswordPassed {
		h.forwarder.Pass(r, fromTrustedProxy(r))
	} else {
		h.forwarder.Forward(r, d.Tokens, fromTrustedProxy(r), &values.identity)
	}
	stripPageCookies(r.Header)
	h.cleanOriginal(r)
	body := r.Body
	if err := next.ServeHTTP(w, r); err != nil {
		return h.afterFailure(w, r, d, body, err)
	}
	return nil
}

// afterFailure answers a request whose body the gate broke off as the refusal
// that it is: the next handler knows only that something went wrong.
func (h *Handler) afterFailure(w http.ResponseWriter, r *http.Request, d gate.Decision, body io.Reader, err error) error {
	reason, problem := gate.BrokenOff(body)
	if reason == "" {
		return err
	}
	d.Reason, d.Err = reason, problem
	if g := h.opened.Load(); g != nil {
		g.decisions[reason].Inc()
	}
	return h.refuse(w, r, &d)
}

// decide decides about the request, and reads its body if that has a say in it.
func (h *Handler) decide(r *http.Request) (gate.Decision, error) {
	d, err := h.check(r, (*gate.Gate).Check)
	if err != nil || d.ReadBody == nil {
		return d, err
	}
	d.ReadBody(r) // may take as long as the client likes
	read := d     // so that only these are allocated
	return h.check(r, func(g *gate.Gate, r *http.Request) gate.Decision { return g.Resume(r, read) })
}

// step is what a gate does with a request: Check, or Resume.
type step func(*gate.Gate, *http.Request) gate.Decision

// check decides about the request. Cleanup waits for those that are inside, so
// that the runtime is there until they are done.
func (h *Handler) check(r *http.Request, step step) (gate.Decision, error) {
	g := h.opened.Load()
	if g == nil {
		return h.checkLater(r, step)
	}
	g.inside.Add(1)
	defer g.inside.Add(-1)
	if h.opened.Load() != g { // Cleanup may have looked before we were inside
		return h.checkLater(r, step)
	}
	return g.decide(r, step), nil
}

// decide decides and counts.
func (g *openGate) decide(r *http.Request, step step) gate.Decision {
	d := step(&g.Gate, r)
	switch {
	case d.ReadBody != nil:
	case d.Reason == gate.Allow:
		g.allowed.Inc()
	default:
		g.decisions[d.Reason].Inc()
	}
	return d
}

// close lets nobody in any more and waits, within reason, for those inside.
func (h *Handler) close() {
	g := h.opened.Swap(nil)
	for waited := time.Duration(0); g != nil && g.inside.Load() > 0 && waited < closeTimeout; waited += time.Millisecond {
		time.Sleep(time.Millisecond)
	}
}

// checkLater decides about a request that came too early or too late. Caddy
// starts apps in any order, so the first requests can be earlier than the store:
// they wait. On a reload it lets go of apps while requests to the old
// configuration are still being read: for those the runtime is taken, or made,
// once more.
func (h *Handler) checkLater(r *http.Request, step step) (gate.Decision, error) {
	ctx, cancel := context.WithTimeout(r.Context(), startTimeout)
	defer cancel()
	select {
	case <-h.app.started:
	case <-ctx.Done():
		return gate.Decision{}, errNotOpen
	}
	if h.opened.Load() != nil {
		return h.check(r, step)
	}
	select {
	case <-h.app.replaced:
	default:
		return gate.Decision{}, errNotOpen
	}
	rt, _, err := acquireRuntime(h.app.settings, h.logger)
	if err != nil {
		return gate.Decision{}, err
	}
	defer func() {
		if err := releaseRuntime(rt); err != nil {
			h.logger.Error("releasing the token store", zap.Error(err))
		}
	}()
	return h.open(rt).decide(r, step), nil
}

var errNotOpen = errors.New("the token store is not open")

// setPlaceholders says whose request it is. The values were made when the token
// was read; a request only points to them.
func setPlaceholders(r *http.Request, d *gate.Decision) {
	if d.Tokens.First == nil {
		return
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	if d.Reason != gate.Allow && d.Reason != gate.MissingPermission {
		repl.Set("http.auth.candidate.id", d.Tokens.First.Token.ID)
		return
	}
	values, ok := d.Tokens.First.Attachment.(caddy.ReplacerFunc)
	if ok {
		repl.Map(values)
	}
}

func fromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// cleanOriginal makes the copies that Caddy keeps of the URL as harmless as the
// one that goes on: FastCGI backends get the original one, from before all
// rewrites, as REQUEST_URI, error routes get it back, and placeholders and debug
// logs show it. The credential goes, and a path that has more than one reading
// gives way to the one that was checked.
func (h *Handler) cleanOriginal(r *http.Request) {
	if _, query, _ := strings.Cut(r.RequestURI, "?"); h.takesQueries && query != r.URL.RawQuery {
		r.RequestURI = r.URL.RequestURI()
	}
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || original.URL == nil {
		return
	}
	u := *original.URL
	if u.Path != r.URL.Path || u.RawPath != r.URL.RawPath || u.Opaque != "" {
		if _, err := permission.CheckURL(&u); err != nil && !permission.AsOpen(&u, r.URL) {
			u.Path, u.RawPath, u.Opaque, u.User = r.URL.Path, r.URL.RawPath, "", nil
		}
	}
	if h.takesQueries {
		u.RawQuery = h.sources.StripQuery(u.RawQuery)
	}
	if u == *original.URL {
		return
	}
	*original.URL = u
	original.RequestURI = u.RequestURI()
	// In place: Caddy's placeholders hold on to this very request.
	*r = *r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original))
}

// dropQuery removes the query, also from the copy that FastCGI backends get.
func dropQuery(r *http.Request) {
	r.URL.RawQuery, r.URL.ForceQuery = "", false
	r.RequestURI = r.URL.RequestURI()
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		original.URL.RawQuery, original.URL.ForceQuery = "", false
	}
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
