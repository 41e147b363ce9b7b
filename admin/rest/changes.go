package rest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

var tokenChangeRoutes = []route{
	{method: "POST", path: "/tokens", body: newTokenBody{}, handle: (*api).create},
	{method: "POST", path: "/tokens/import", body: importBody{}, handle: (*api).importToken},
	{method: "PATCH", path: "/tokens/{id}", body: editBody{}, handle: (*api).update},
	{method: "POST", path: "/tokens/{id}/enable", handle: (*api).enable},
	{method: "POST", path: "/tokens/{id}/disable", body: disableBody{}, optional: true, handle: (*api).disable},
	{method: "POST", path: "/tokens/{id}/regenerate", body: regenerateBody{}, optional: true, handle: (*api).regenerate},
	{method: "DELETE", path: "/tokens/{id}", handle: (*api).deleteToken},
}

// newTokenBody is a token as somebody asks for it.
type newTokenBody struct {
	API         string     `json:"api"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Type        token.Type `json:"type"`
	Duration    string     `json:"duration"`
	Grants      []string   `json:"grants"`
	Owner       string     `json:"owner"` // the creator if empty
}

func (b newTokenBody) newToken() admin.NewToken {
	return admin.NewToken{
		API: b.API, Name: b.Name, Description: b.Description, Type: b.Type, Duration: b.Duration, Grants: b.Grants, Owner: b.Owner,
	}
}

// issued is a token with a new secret. This is the only time that it can be seen.
type issued struct {
	Token  admin.Record `json:"token"`
	Secret *string      `json:"secret"` // null if the request came before
}

func (a *api) issue(c *call, status int, t *token.Token, secret token.Secret) {
	body := issued{Token: a.Service.Record(t)}
	if text := secret.Reveal(); text != "" {
		body.Secret = &text
	}
	a.answerVersion(c, status, t.Version, body)
}

// create makes a token. With an Idempotency-Key it may be sent again, by a client
// that did not hear the answer. The secret was in that answer and nowhere else:
// who lost it regenerates the token.
func (a *api) create(c *call) error {
	var body newTokenBody
	if err := c.decode(&body); err != nil {
		return err
	}
	key, err := c.idempotency(body)
	if err != nil {
		return err
	}
	ctx, replayed := c.r.Context(), false
	var t token.Token
	var secret token.Secret
	if key == nil {
		t, secret, err = a.Service.Create(ctx, c.actor, body.newToken())
	} else {
		t, secret, replayed, err = a.Service.CreateOnce(ctx, c.actor, body.newToken(), *key)
	}
	if err != nil {
		return err
	}
	a.issue(c, c.made(&t, replayed), &t, secret)
	return nil
}

// made says where the token is that was made, and returns the status of the answer.
func (c *call) made(t *token.Token, replayed bool) int {
	c.w.Header().Set("Location", admin.ManagementPath+"/tokens/"+t.ID)
	if replayed {
		return statusOf(t, http.StatusOK)
	}
	return statusOf(t, http.StatusCreated)
}

// idempotency returns the key that the request came with, or nil. What it stands
// for is what the body says, however that is laid out.
func (c *call) idempotency(body any) (*admin.Idempotency, error) {
	keys := c.r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return nil, nil
	}
	if len(keys) > 1 || !admin.IsKey(keys[0]) {
		return nil, problem(http.StatusBadRequest, "invalid_header", "Idempotency-Key must stand there once and have 1 to 255 visible ASCII characters; a UUID will do.")
	}
	text, err := json.Marshal(body)
	return &admin.Idempotency{Key: keys[0], Request: token.Hash(string(text))}, err
}

type importBody struct {
	newTokenBody

	Secret string `json:"secret"` // that another system minted
}

func (a *api) importToken(c *call) error {
	var body importBody
	if err := c.decode(&body); err != nil {
		return err
	}
	key, err := c.idempotency(body)
	if err != nil {
		return err
	}
	ctx, replayed := c.r.Context(), false
	var t token.Token
	if key == nil {
		t, err = a.Service.Import(ctx, c.actor, body.newToken(), body.Secret)
	} else {
		t, replayed, err = a.Service.ImportOnce(ctx, c.actor, body.newToken(), body.Secret, *key)
	}
	if err != nil {
		return err
	}
	a.answerVersion(c, c.made(&t, replayed), t.Version, a.Service.Record(&t))
	return nil
}

// editBody is what shall change about a token. What is missing stays.
type editBody struct {
	Name        *string     `json:"name"`
	Description *string     `json:"description"`
	Type        *token.Type `json:"type"`
	Duration    *string     `json:"duration"` // from now
	Grants      *[]string   `json:"grants"`
	Owner       *string     `json:"owner"`
}

func (a *api) update(c *call) error {
	var body editBody
	version, err := c.neededIfMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	change, err := a.Service.Update(c.r.Context(), c.actor, c.r.PathValue("id"), admin.Edit{
		Version: version, Name: body.Name, Description: body.Description, Type: body.Type,
		Duration: body.Duration, Grants: body.Grants, Owner: body.Owner,
	})
	if err != nil {
		return err
	}
	a.answerVersion(c, statusOf(&change.Token, http.StatusOK), change.Token.Version, editedToken{a.Service.Record(&change.Token), change.Overreach})
	return nil
}

// editedToken is a token after an edit.
type editedToken struct {
	admin.Record

	Overreach bool `json:"overreach"` // it was handed over, and is mightier than the role of its owner
}

func (a *api) enable(c *call) error {
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	return a.setEnabled(c, version, true)
}

type disableBody struct {
	Now bool `json:"now"` // also if changes of the API are drafts first
}

func (a *api) disable(c *call) error {
	var body disableBody
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if !body.Now {
		return a.setEnabled(c, version, false)
	}
	t, err := a.Service.DisableNow(c.r.Context(), c.actor, c.r.PathValue("id"), version)
	if err != nil {
		return err
	}
	a.answerVersion(c, http.StatusOK, t.Version, a.Service.Record(&t))
	return nil
}

func (a *api) setEnabled(c *call, version int64, enabled bool) error {
	t, err := a.Service.SetEnabled(c.r.Context(), c.actor, c.r.PathValue("id"), version, enabled)
	if err != nil {
		return err
	}
	a.answerVersion(c, statusOf(&t, http.StatusOK), t.Version, a.Service.Record(&t))
	return nil
}

type regenerateBody struct {
	Overlap string `json:"overlap"` // how long the old secret goes on; empty is not at all
}

func (a *api) regenerate(c *call) error {
	var body regenerateBody
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	var overlap time.Duration
	if body.Overlap != "" {
		if overlap, err = token.ParseSpan(body.Overlap); err != nil {
			return admin.FieldErrors{&token.FieldError{Field: "overlap", Problem: "is not a number of days or hours such as 1d or 36h"}}
		}
	}
	t, secret, err := a.Service.Regenerate(c.r.Context(), c.actor, c.r.PathValue("id"), version, overlap)
	if err != nil {
		return err
	}
	a.issue(c, statusOf(&t, http.StatusOK), &t, secret)
	return nil
}

func (a *api) deleteToken(c *call) error {
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	t, err := a.Service.Delete(c.r.Context(), c.actor, c.r.PathValue("id"), version)
	if err != nil || t.Draft == "" {
		return a.done(c, err)
	}
	a.answerVersion(c, http.StatusAccepted, t.Version, a.Service.Record(&t)) // it is there until its API is updated
	return nil
}
