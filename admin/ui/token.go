package ui

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// tokenRoutes are the page of a token and what is done there.
var tokenRoutes = []route{
	{method: "GET", path: "/tokens/{id}", handle: (*ui).tokenPage},
	{method: "POST", path: "/tokens/{id}/enable", handle: (*ui).enable},
	{method: "POST", path: "/tokens/{id}/disable", handle: (*ui).disable},
	{method: "POST", path: "/tokens/{id}/disable-now", handle: (*ui).disableNow},
	{method: "GET", path: "/tokens/{id}/regenerate", handle: (*ui).regeneratePage},
	{method: "POST", path: "/tokens/{id}/regenerate", handle: (*ui).regenerate},
	{method: "GET", path: "/tokens/{id}/delete", handle: (*ui).deletePage},
	{method: "POST", path: "/tokens/{id}/delete", handle: (*ui).deleteToken},
}

// tokenView is what the page of a token shows.
type tokenView struct {
	Token    admin.Record
	EndsSoon bool
	Stopped  stopped
	Secrets  []admin.SecretRecord
	Grants   granted
	Use      usage
	History  history

	Staged    bool        // what changes is a draft first
	Draft     token.Draft // what there is of it
	Enabled   bool        // as it is drafted, if there is such a draft
	SwitchOff bool        // it can be disabled at once, beside its draft

	MayExplain, MayUpdate, MayEnable, MayRegenerate, MayDelete bool
	MayDiscard, MayMake                                        bool
	OwnerOnly                                                  bool // nobody but its owner can regenerate it, and that is somebody else
}

func (u *ui) tokenPage(c *call) error {
	t, err := u.find(c, c.r.PathValue("id"))
	if errors.Is(err, store.ErrUnreadable) && c.actor.Scope(admin.TokenDelete) == store.All {
		return u.unreadable(c, err)
	}
	if err != nil {
		return err
	}
	view := u.viewOf(c, &t)
	if err := u.addDraft(c, &view, &t); err != nil {
		return err
	}
	if view.Secrets, err = u.Service.Secrets(c.r.Context(), c.actor, t.ID); err != nil {
		return err
	}
	if view.Grants, err = u.grantsOf(c, &t); err != nil {
		return err
	}
	if view.Use, err = u.usageOf(c, &t); err != nil {
		return err
	}
	if view.History, err = u.historyOf(c, t.ID); err != nil {
		return err
	}
	return u.show(c, http.StatusOK, "token", page{Title: "token.title", Name: t.Name, Here: "/tokens", Body: view, Holds: view.holds()})
}

// holds says which notices about the state of the token are true.
func (v *tokenView) holds() map[string]bool {
	return map[string]bool{
		"token-enabled":  v.Token.Enabled,
		"token-disabled": !v.Token.Enabled,
		"token-off":      !v.Token.Enabled && !v.Enabled,
		"draft-saved":    v.Draft != "",
		"draft-same":     v.Draft == "",
		"draft-deletion": v.Draft == token.DraftDelete,
	}
}

// viewOf returns what needs no further look-up.
func (u *ui) viewOf(c *call, t *token.Token) tokenView {
	left := t.Expiry.Sub(c.now)
	return tokenView{
		Token:      u.Service.Record(t),
		Stopped:    stoppedOf(c, t),
		EndsSoon:   !t.Expiry.IsZero() && left > 0 && left <= endsWithin,
		MayExplain: c.actor.May(admin.TokenExplain, t),
		MayUpdate:  c.actor.May(admin.TokenUpdate, t),
		// Who a token acts for may start it again and have its secret, nobody else.
		MayEnable:     c.actor.May(admin.TokenUpdate, t) && !c.actor.ActsForOther(t),
		MayRegenerate: c.actor.May(admin.TokenRegenerate, t) && !c.actor.ActsForOther(t),
		OwnerOnly:     c.actor.May(admin.TokenRegenerate, t) && c.actor.ActsForOther(t),
		MayDelete:     c.actor.May(admin.TokenDelete, t),
		MayMake:       c.actor.Scope(admin.TokenCreate) != store.None,
	}
}

// addDraft says what of the token is a draft, and what can be done to it then.
func (u *ui) addDraft(c *call, view *tokenView, t *token.Token) error {
	ch, err := u.changeable(c, t.ID)
	if err != nil {
		return err
	}
	view.Staged, view.Draft, view.Enabled = ch.Staged, t.Draft, ch.Enabled
	view.SwitchOff = view.Staged && t.Draft != token.DraftCreate && t.Enabled && c.actor.May(admin.TokenUpdate, t)
	view.MayDiscard = c.actor.Scope(admin.DraftDiscard) != store.None
	if view.Staged && t.Draft == token.DraftDelete {
		view.MayUpdate, view.MayEnable, view.MayRegenerate, view.MayDelete = false, false, false, false
	}
	if t.Draft == token.DraftCreate {
		view.MayExplain, view.MayDelete = false, false
	}
	return nil
}

// unreadable tells of a token whose record can't be understood, to those who may
// do the one thing that is left to do.
func (u *ui) unreadable(c *call, cause error) error {
	u.Failed(c.r, cause)
	return u.show(c, http.StatusInternalServerError, "token-unreadable", page{
		Title: "failure.unreadable.title", Name: c.r.PathValue("id"), Here: "/tokens", Body: c.r.PathValue("id"),
	})
}

// catalogOf returns the catalog of an API, and whether any gateway ever had it.
func (u *ui) catalogOf(ctx context.Context, actor admin.Actor, api string) (store.Catalog, bool, error) {
	catalogs, err := u.Service.Catalogs(ctx, actor)
	i := slices.IndexFunc(catalogs, func(c store.Catalog) bool { return c.API == api })
	if err != nil || i < 0 {
		return store.Catalog{}, false, err
	}
	return catalogs[i], true, nil
}

// version returns the version of the record that a form was made from. A form
// without one is none of these pages.
func (c *call) version() (int64, error) {
	version, err := strconv.ParseInt(c.value("version"), 10, 64)
	if err != nil || version < 1 {
		return 0, errForm
	}
	return version, nil
}

// need refuses to show a form to who may not send it.
func (c *call) need(right admin.Right, t *token.Token) error {
	if c.actor.May(right, t) {
		return nil
	}
	return &admin.ForbiddenError{Right: right, Problem: texts.Get("failure.forbidden.role", c.actor.Role.Name)}
}
