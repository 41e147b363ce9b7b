package ui

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func (u *ui) enable(c *call) error { return u.setEnabled(c, true, "token-enabled") }

func (u *ui) disable(c *call) error { return u.setEnabled(c, false, "token-disabled") }

// disableNow disables also a token whose changes are drafts first: that would be too
// late if somebody has its secret who should not.
func (u *ui) disableNow(c *call) error {
	t, err := u.Service.DisableNow(c.r.Context(), c.actor, c.r.PathValue("id"), 0)
	if err != nil {
		return err
	}
	return c.leaveWith("/tokens/"+t.ID, "token-off")
}

func (u *ui) setEnabled(c *call, enabled bool, notice string) error {
	t, err := u.Service.SetEnabled(c.r.Context(), c.actor, c.r.PathValue("id"), 0, enabled)
	if err != nil {
		return asDraftError(err)
	}
	staged, err := u.staged(c, &t)
	if err != nil {
		return err
	}
	return c.leaveWith("/tokens/"+t.ID, saved(&t, staged, notice))
}

// overlap is how long the secrets from before go on.
type overlap struct {
	Value  string
	Length time.Duration
}

var overlaps = []overlap{{"now", 0}, {"1h", time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}}

// regeneration is the form that asks before a secret is replaced.
type regeneration struct {
	Token   changeable
	Secrets []admin.SecretRecord
	Address string // that the last use came from; empty if that isn't known
	Overlap string // as it was chosen
	Choices []overlap
	Stopped stopped
	Changed bool // the token changed since the form was made, perhaps by the form itself
}

func (u *ui) regeneratePage(c *call) error {
	return u.askToRegenerate(c, http.StatusOK, regeneration{}, nil)
}

func (u *ui) askToRegenerate(c *call, status int, form regeneration, problems admin.FieldErrors) error {
	var err error
	if form.Token, err = u.changeable(c, c.r.PathValue("id")); err != nil {
		return err
	}
	if err := c.need(admin.TokenRegenerate, &form.Token.Token); err != nil {
		return err
	}
	if form.Secrets, err = u.Service.Secrets(c.r.Context(), c.actor, form.Token.ID); err != nil {
		return err
	}
	usage, err := u.Service.PermissionUsage(c.r.Context(), c.actor, form.Token.ID, c.now)
	if err != nil {
		return err
	}
	form.Choices, form.Address, form.Stopped = overlaps, usage.LastAddress, stoppedOf(c, &form.Token.Token)
	return u.show(c, status, "token-regenerate", page{
		Title: "regenerate.title", Name: form.Token.Name, Here: "/tokens", Body: form, Errors: problems,
	})
}

// regenerate gives a token a new secret, once for each time that the form was
// shown: a form that is sent again is of a version that is past.
func (u *ui) regenerate(c *call) error {
	version, err := c.version()
	if err != nil {
		return err
	}
	choice := c.value("overlap")
	i := slices.IndexFunc(overlaps, func(o overlap) bool { return o.Value == choice })
	if i < 0 {
		return u.askToRegenerate(c, http.StatusUnprocessableEntity, regeneration{},
			admin.FieldErrors{{Field: "overlap", Problem: texts.Get("regenerate.choose")}})
	}
	t, secret, err := u.Service.Regenerate(c.r.Context(), c.actor, c.r.PathValue("id"), version, overlaps[i].Length)
	if errors.Is(err, store.ErrConflict) {
		return u.askToRegenerate(c, http.StatusConflict, regeneration{Overlap: choice, Changed: true}, nil)
	}
	if err != nil {
		return asDraftError(err)
	}
	draft := ""
	switch staged, err := u.staged(c, &t); {
	case err != nil:
		u.Failed(c.r, err) // the secret is what matters
	case t.Draft == token.DraftCreate:
		draft = "draft.made"
	case staged:
		draft = "draft.regenerated"
	}
	return u.showSecret(c, &t, secret, "regenerate.done", draft)
}

// deletion is the form that asks before a token is deleted.
type deletion struct {
	Token  token.Token // only the id if its record can't be understood
	Staged bool        // it is a draft first
	Word   string      // to be typed, unless it is a draft
	Typed  string
}

func (u *ui) deletePage(c *call) error { return u.askToDelete(c, http.StatusOK, "", nil) }

func (u *ui) askToDelete(c *call, status int, typed string, problems admin.FieldErrors) error {
	t, err := u.deletable(c)
	if err != nil {
		return err
	}
	if err := c.need(admin.TokenDelete, &t); err != nil {
		return err
	}
	if t.Draft == token.DraftCreate {
		return c.leave("/tokens/" + t.ID + "/draft/discard")
	}
	staged, err := u.staged(c, &t)
	if err != nil {
		return err
	}
	form := deletion{Token: t, Staged: staged, Word: wordFor(&t), Typed: typed}
	return u.show(c, status, "token-delete", page{Title: "delete.title", Name: form.Word, Here: "/tokens", Body: form, Errors: problems})
}

// deletable returns the token, or its id alone if its record can't be understood.
func (u *ui) deletable(c *call) (token.Token, error) {
	t, err := u.find(c, c.r.PathValue("id"))
	if errors.Is(err, store.ErrUnreadable) {
		return token.Token{ID: c.r.PathValue("id")}, nil
	}
	return t, err
}

// wordFor returns what is typed to delete a token.
func wordFor(t *token.Token) string {
	if t.Name == "" {
		return t.ID
	}
	return t.Name
}

func (u *ui) deleteToken(c *call) error {
	t, err := u.deletable(c)
	if err != nil {
		return err
	}
	staged, err := u.staged(c, &t)
	if err != nil {
		return err
	}
	if typed := c.value("name"); typed != wordFor(&t) && !staged {
		return u.askToDelete(c, http.StatusUnprocessableEntity, typed,
			admin.FieldErrors{{Field: "name", Problem: texts.Get("delete.mistyped")}})
	}
	if _, err := u.Service.Delete(c.r.Context(), c.actor, t.ID, 0); err != nil {
		return asDraftError(err)
	}
	if staged {
		return c.leaveWith("/tokens/"+t.ID, "draft-deletion")
	}
	return c.leaveWith("/tokens", "token-deleted")
}
