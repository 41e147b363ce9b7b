// Package ui is the pages on which people manage tokens: forms and tables in front
// of package admin, which has all rules. Every page works without a script where a
// form can do it; the scripts that are here make it quicker.
package ui

import (
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// Config is what the pages need to know.
type Config struct {
	Service *admin.Service
	// Authenticate says who asks, by a session or by what a proxy says.
	Authenticate rest.Authenticator
	// Admission bounds how often somebody may ask.
	Admission *rest.Admission
	Cookie    rest.Cookie
	// Password lets people sign in by password, and make the first account.
	Password bool
	// Links are other ways to sign in, such as OpenID Connect.
	Links []SignInLink
	// Place returns where an API is to be reached and how a token is sent there, as
	// far as this gateway knows.
	Place func(api string) Place
	// Address returns the IP address of who asks.
	Address func(r *http.Request) string
	Now     func() time.Time
	// Failed is told of technical failures, which are answered without detail.
	Failed func(r *http.Request, err error)
}

// SignInLink is a way to sign in that begins with a link.
type SignInLink struct {
	Name string // for people: "Sign in with " and this
	Path string
}

// Place is where an API is, for lines that people paste.
type Place struct {
	Address string // scheme and host, no path; empty if unknown
	// AnyHost: every name leads there, and localhost in the address stands for it.
	AnyHost bool
	// Scheme is the word before the token in Authorization, if it goes there; else it
	// goes into the header, or else into the parameter of the query.
	Scheme, Header, Query string
	GraphQL               string // the first path of the API's GraphQL, as a pattern; empty if none is known
}

// ui serves the pages.
type ui struct {
	Config

	mux      *http.ServeMux
	crossing http.CrossOriginProtection
}

// New returns a handler of all pages. It answers every request that reaches it.
func New(c Config) http.Handler {
	u := &ui{Config: c, mux: http.NewServeMux()}
	for _, route := range routes() {
		u.mux.HandleFunc(route.method+" "+route.path, u.serve(route))
	}
	u.mux.HandleFunc("GET "+assetsPath, serveAsset)
	u.mux.HandleFunc("/", u.serveNone)
	return u
}

func (u *ui) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	switch {
	case u.crossing.Check(r) != nil:
		u.fail(u.newCall(w, r), errCrossOrigin)
	case path.Clean(r.URL.Path) != r.URL.Path: // the mux would send it elsewhere
		u.serveNone(w, r)
	default:
		u.mux.ServeHTTP(w, r)
	}
}

// policy allows what these pages have: their own styles, scripts, pictures and
// forms, and nothing inline, nothing from elsewhere, in no frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect sets what holds for every answer.
func protect(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// route is one page, or one form.
type route struct {
	method, path string
	public       bool // nobody is asked who they are
	handle       func(u *ui, c *call) error
}

func routes() []route {
	var all []route
	for _, some := range [][]route{
		sessionRoutes, listRoutes, editRoutes, tokenRoutes, draftRoutes, tryRoutes, apiRoutes, accountRoutes, roleRoutes, auditRoutes, selfRoutes,
	} {
		all = append(all, some...)
	}
	return all
}

// maxForm bounds the body of a form: a token of 500 grants of 500 bytes is the largest.
const maxForm = 1 << 20

// serve runs a route: who asks, with which form; then the route itself.
func (u *ui) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := u.newCall(w, r)
		err := u.admit(c, route)
		if err == nil {
			err = route.handle(u, c)
		}
		if err != nil {
			u.fail(c, err)
		}
	}
}

// serveNone says that there is no such page; who is signed in keeps the menu.
func (u *ui) serveNone(w http.ResponseWriter, r *http.Request) {
	c := u.newCall(w, r)
	var err error
	if c.actor, err = u.Admission.Admit(r, u.Authenticate); err == nil || errors.Is(err, admin.ErrSignedOut) {
		err = errNoPage
	}
	u.fail(c, err)
}

func (u *ui) admit(c *call, route route) (err error) {
	who := u.Authenticate
	if route.public {
		who = nil
	}
	if c.actor, err = u.Admission.Admit(c.r, who); err != nil {
		return err
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		return errForm
	}
	return nil
}

// call is a request on its way.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	actor admin.Actor // zero in public routes
	now   time.Time
}

func (u *ui) newCall(w http.ResponseWriter, r *http.Request) *call {
	return &call{w: w, r: r, now: u.Now()}
}

// value returns a field of the form, without blanks at its ends.
func (c *call) value(name string) string { return strings.TrimSpace(c.r.PostForm.Get(name)) }

// query returns a parameter of the address.
func (c *call) query(name string) string { return strings.TrimSpace(c.r.URL.Query().Get(name)) }

// partial reports whether a script asks for a part of a page, named by its id.
func (c *call) partial(id string) bool {
	return c.r.Header.Get("HX-Request") == "true" && c.r.Header.Get("HX-Target") == id
}

// leave sends the browser on to another page, by GET.
func (c *call) leave(to string) error {
	http.Redirect(c.w, c.r, to, http.StatusSeeOther) //nolint:gosec // callers send to paths of these pages, see nextPath
	return nil
}

// leaveWith is leave with a word on what was done: a key of the texts, below "notice.".
func (c *call) leaveWith(to, notice string) error {
	joint := "?"
	if strings.Contains(to, "?") {
		joint = "&"
	}
	return c.leave(to + joint + "notice=" + notice)
}
