package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

var sessionRoutes = []route{
	{method: "GET", path: "/{$}", handle: (*ui).home},
	{method: "GET", path: "/set-up", public: true, handle: (*ui).setUpPage},
	{method: "POST", path: "/set-up", public: true, handle: (*ui).setUp},
	{method: "GET", path: "/sign-in", public: true, handle: (*ui).signInPage},
	{method: "POST", path: "/sign-in", public: true, handle: (*ui).signIn},
	{method: "POST", path: typedAgainPath, handle: (*ui).typedAgain},
	{method: "POST", path: "/sign-out", handle: (*ui).signOut},
}

// home leads to the first page of the menu: mostly the tokens.
func (*ui) home(c *call) error {
	p := page{Actor: &c.actor}
	if entries := p.entries(); len(entries) > 0 {
		return c.leave(entries[0].Path)
	}
	return c.leave("/account")
}

// credentials is what the forms to sign in and to set up show again: never a
// password, which is typed anew.
type credentials struct {
	Name  string
	Link  string // the secret of the set-up link, if it came in the form
	Next  string // where to go then
	Typed *typed // what to show then; nil for nothing
	Off   bool   // nobody signs in by password here

	Nobody   bool // can sign in yet: there is no first account
	Password bool
	Links    []SignInLink
}

func (u *ui) setUpPage(c *call) error {
	needed, err := u.Service.NeedsSetUp(c.r.Context())
	if err != nil {
		return err
	}
	if !needed {
		return c.leaveWith("/sign-in", "set-up-done")
	}
	return u.show(c, http.StatusOK, "set-up", page{Title: "set-up.title", Body: credentials{Off: !u.Password}})
}

func (u *ui) setUp(c *call) error {
	if !u.Password {
		return u.setUpPage(c)
	}
	form := credentials{Name: c.value("name"), Link: linkSecret(c.value("link"))}
	in, err := u.Service.SetUp(c.r.Context(), form.Link, form.Name, c.r.PostForm.Get("password"), u.from(c))
	if errors.Is(err, admin.ErrSetUpLink) {
		err = admin.FieldErrors{{Field: "link", Problem: texts.Get("set-up.link.bad")}}
	}
	if fields, ok := errors.AsType[admin.FieldErrors](err); ok {
		return u.show(c, http.StatusUnprocessableEntity, "set-up", page{Title: "set-up.title", Body: form, Errors: fields})
	}
	if err != nil {
		return err
	}
	u.welcome(c, in)
	return c.leaveWith("/tokens", "welcome")
}

// linkSecret takes the secret out of a set-up link that was pasted as a whole.
func linkSecret(link string) string {
	if _, secret, ok := strings.Cut(link, "#"); ok {
		return secret
	}
	return link
}

func (u *ui) signInPage(c *call) error {
	if _, err := u.Authenticate(c.r); err == nil {
		return c.leave(nextPath(c.query("next")))
	}
	return u.showSignIn(c, http.StatusOK, credentials{Next: c.query("next")}, nil)
}

func (u *ui) showSignIn(c *call, status int, form credentials, problems admin.FieldErrors) error {
	form.Password, form.Links = u.Password, u.Links
	if u.Password {
		needed, err := u.Service.NeedsSetUp(c.r.Context())
		form.Nobody = needed && err == nil // who can't be told may sign in all the same
	}
	return u.show(c, status, "sign-in", page{Title: "sign-in.title", Body: form, Errors: problems})
}

func (u *ui) signIn(c *call) error {
	form := credentials{Name: c.value("name"), Next: c.value("next"), Typed: carried(c.r.PostForm)}
	if !u.Password {
		return u.showSignIn(c, http.StatusForbidden, form, nil)
	}
	in, err := u.Service.SignIn(c.r.Context(), form.Name, c.r.PostForm.Get("password"), u.from(c))
	if errors.Is(err, admin.ErrSignInRefused) {
		return u.showSignIn(c, http.StatusUnauthorized, form, admin.FieldErrors{{Field: "password", Problem: texts.Get("sign-in.refused")}})
	}
	if err != nil {
		return err
	}
	u.welcome(c, in)
	if form.Typed != nil {
		if c.actor, err = u.Service.SessionActor(c.r.Context(), in.Secret.Reveal(), u.Address(c.r)); err != nil {
			return err
		}
		return u.showTyped(c, form.Typed)
	}
	if form.Next == "" {
		return c.leave("/")
	}
	return c.leave(nextPath(form.Next))
}

func (u *ui) from(c *call) admin.From {
	return admin.From{Address: u.Address(c.r), Agent: c.r.UserAgent()}
}

// welcome gives the browser its session.
func (u *ui) welcome(c *call, in admin.SignedIn) {
	u.Cookie.Replace(c.w, c.r, u.Service, in, u.from(c))
	u.Admission.Welcome(in.Secret)
}

func (u *ui) signOut(c *call) error {
	if err := u.Service.SignOut(c.r.Context(), c.actor); err != nil {
		return err
	}
	u.Cookie.Clear(c.w)
	return c.leaveWith("/sign-in", "signed-out")
}

// askToSignIn shows the way in to who asked for a page without being signed in,
// and brings them there afterwards. Browsers keep the cookie back from those who
// follow a link on another site; the page then asks once more, from here.
func (u *ui) askToSignIn(c *call) {
	get := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	var err error
	switch {
	case get && c.r.Header.Get("Sec-Fetch-Site") == "cross-site" && c.r.Header.Get("Sec-Fetch-Mode") == "navigate":
		err = u.show(c, http.StatusOK, "again", page{Title: "sign-in.title", Fresh: true})
	case c.r.Header.Get("HX-Request") == "true": // a script asks; it is to load the page as a whole
		c.w.Header().Set("HX-Refresh", "true")
		c.w.WriteHeader(http.StatusUnauthorized)
	case get:
		to := "/sign-in"
		if c.r.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(c.r.URL.RequestURI())
		}
		err = c.leave(to)
	default:
		if typed := readTyped(c); typed != nil {
			err = u.showSignIn(c, http.StatusUnauthorized, credentials{Typed: typed}, nil)
		} else {
			err = c.leaveWith("/sign-in", "signed-out-meanwhile")
		}
	}
	if err != nil {
		u.Failed(c.r, err)
	}
}

// nextPath returns a path of these pages: what else stands in an address that
// somebody made up leads nowhere else.
func nextPath(next string) string {
	parsed, err := url.Parse(next)
	if err != nil || parsed.IsAbs() || parsed.Host != "" || parsed.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/tokens"
	}
	return next
}
