package rest

import (
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

var sessionRoutes = []route{
	{method: "GET", path: "/set-up", public: true, handle: (*api).needsSetUp},
	{method: "POST", path: "/set-up", public: true, body: setUpBody{}, handle: (*api).setUp},
	{method: "POST", path: "/session", public: true, body: signInBody{}, handle: (*api).signIn},
	{method: "GET", path: "/session", handle: (*api).whoAmI},
	{method: "DELETE", path: "/session", handle: (*api).signOut},
	{method: "GET", path: "/account", handle: (*api).whoAmI},
	{method: "POST", path: "/account/password", body: passwordBody{}, handle: (*api).changePassword},
	{method: "GET", path: "/sessions", parameters: []string{"account", "cursor", "limit"}, handle: (*api).sessions},
	{method: "DELETE", path: "/sessions", parameters: []string{"account"}, handle: (*api).endSessions},
	{method: "DELETE", path: "/sessions/{id}", handle: (*api).endSession},
}

// identity is who asks, and what they may do.
type identity struct {
	Account admin.AccountRecord         `json:"account"`
	Role    admin.RoleRecord            `json:"role"`
	Rights  map[admin.Right]store.Scope `json:"rights"`
	Session *string                     `json:"session"` // id; null by token
	Token   *string                     `json:"token"`   // id; null by session
}

func identify(actor *admin.Actor) identity {
	who := identity{Role: actor.Role, Rights: map[admin.Right]store.Scope{}}
	if actor.Account != nil {
		who.Account = *actor.Account
	}
	for _, right := range admin.Rights() {
		who.Rights[right] = actor.Scope(right)
	}
	if actor.Session != "" {
		who.Session = &actor.Session
	}
	if actor.Token != nil {
		who.Token = &actor.Token.ID
	}
	return who
}

func (a *api) whoAmI(c *call) error {
	a.answer(c.w, c.r, http.StatusOK, identify(&c.actor))
	return nil
}

func (a *api) needsSetUp(c *call) error {
	needed, err := a.Service.NeedsSetUp(c.r.Context())
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, struct {
		Needed bool `json:"needed"`
	}{needed})
	return nil
}

type setUpBody struct {
	Link     string `json:"link"` // the secret in it
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (a *api) setUp(c *call) error {
	var body setUpBody
	if err := c.decode(&body); err != nil {
		return err
	}
	in, err := a.Service.SetUp(c.r.Context(), body.Link, body.Name, body.Password, a.from(c.r))
	if err != nil {
		return err
	}
	return a.welcome(c, in)
}

type signInBody struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (a *api) signIn(c *call) error {
	var body signInBody
	if err := c.decode(&body); err != nil {
		return err
	}
	in, err := a.Service.SignIn(c.r.Context(), body.Name, body.Password, a.from(c.r))
	if err != nil {
		return err
	}
	return a.welcome(c, in)
}

func (a *api) from(r *http.Request) admin.From {
	return admin.From{Address: a.Address(r), Agent: r.UserAgent(), Via: admin.ViaAPI}
}

// welcome answers who has just signed in.
func (a *api) welcome(c *call, in admin.SignedIn) error {
	from := a.from(c.r)
	actor, err := a.Service.SessionActor(c.r.Context(), in.Secret.Reveal(), from.Address)
	if err != nil {
		return err
	}
	a.Admission.Welcome(in.Secret)
	a.Cookie.Replace(c.w, c.r, a.Service, in, from)
	a.answer(c.w, c.r, http.StatusCreated, identify(&actor))
	return nil
}

// Replace hands the browser a session that has just begun. The one that it had before
// ends: nothing but the new one may stay behind in it.
func (c Cookie) Replace(w http.ResponseWriter, r *http.Request, s *admin.Service, in admin.SignedIn, from admin.From) {
	if before := c.Secret(r); before != "" {
		if actor, err := s.SessionActor(r.Context(), before, from.Address); err == nil {
			actor.Via = from.Via
			_ = s.SignOut(r.Context(), actor) // it ends by itself otherwise
		}
	}
	c.Set(w, in.Secret)
}

func (a *api) signOut(c *call) error {
	if c.actor.Session == "" {
		return problem(http.StatusConflict, "no_session", "This request came with a token, which has no session to end.")
	}
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	if err := a.Service.SignOut(c.r.Context(), c.actor); err != nil {
		return err
	}
	a.Cookie.Clear(c.w)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

type passwordBody struct {
	Current string `json:"current"`
	Changed string `json:"changed"`
}

func (a *api) changePassword(c *call) error {
	var body passwordBody
	if err := c.decode(&body); err != nil {
		return err
	}
	secret, err := a.Service.ChangePassword(c.r.Context(), c.actor, body.Current, body.Changed)
	if err == nil {
		a.Admission.Renew(c.w, secret)
	}
	return a.done(c, err)
}

// done answers that something is done, unless it failed.
func (a *api) done(c *call, err error) error {
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (a *api) sessions(c *call) error {
	paging, err := c.paging()
	if err != nil {
		return err
	}
	found, err := a.Service.Sessions(c.r.Context(), c.actor, c.query["account"], paging)
	if err != nil {
		return err
	}
	a.answer(c.w, c.r, http.StatusOK, newPage(found.Items, found.Next))
	return nil
}

func (a *api) endSessions(c *call) error {
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	return a.done(c, a.Service.DeleteSessions(c.r.Context(), c.actor, c.query["account"]))
}

func (a *api) endSession(c *call) error {
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	return a.done(c, a.Service.DeleteSession(c.r.Context(), c.actor, c.r.PathValue("id")))
}
