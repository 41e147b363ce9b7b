package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// selectedPage asks whether something is to be done to several tokens, or tells
// what came of it.
type selectedPage struct {
	Action    string // a key of selectedActions
	Done      bool
	Items     []selectedToken
	Possible  int    // can be done to so many of them, or was done
	Typed     string // how many are to be deleted, as it was typed
	Back      string
	BackQuery string
	Drafts    int      // of the possible ones, those that are drafts first
	Drafted   []string // their APIs
}

// Direct is how many of the possible ones hold at once.
func (p selectedPage) Direct() int { return p.Possible - p.Drafts }

// selectedToken is one of them.
type selectedToken struct {
	ID      string
	Token   *token.Token // nil if it can't be read
	Problem string       // why it can't be done, or was refused; else empty
	Staged  bool         // it is a draft first
}

// selectedAction is what can be done to several.
type selectedAction struct {
	right   admin.Right
	forSelf bool // not for a token that acts for somebody else
	do      func(s *admin.Service, ctx context.Context, actor admin.Actor, id string) error
}

var selectedActions = map[string]selectedAction{
	"enable": {admin.TokenUpdate, true, func(s *admin.Service, ctx context.Context, actor admin.Actor, id string) error {
		_, err := s.SetEnabled(ctx, actor, id, 0, true)
		return err
	}},
	"disable": {admin.TokenUpdate, false, func(s *admin.Service, ctx context.Context, actor admin.Actor, id string) error {
		_, err := s.SetEnabled(ctx, actor, id, 0, false)
		return err
	}},
	"delete": {admin.TokenDelete, false, func(s *admin.Service, ctx context.Context, actor admin.Actor, id string) error {
		_, err := s.Delete(ctx, actor, id, 0)
		return err
	}},
}

// selected asks first, and does it when the same comes with sure; to delete, with
// how many as well.
func (u *ui) selected(c *call) error {
	body := selectedPage{Action: c.value("action"), Done: c.value("sure") != ""}
	action, ok := selectedActions[body.Action]
	ids := distinct(c.r.PostForm["id"])
	if !ok || len(ids) > admin.MaxLimit {
		return errForm
	}
	back, _ := url.ParseQuery(c.value("back")) // what can't be read leads to the whole list
	list := readListQuery(back)
	body.Back, body.BackQuery = list.path(), list.values().Encode()
	if len(ids) == 0 {
		return c.leaveWith(body.Back, "none-selected")
	}
	var problems admin.FieldErrors
	if body.Typed = c.value("number"); body.Done && body.Action == "delete" && body.Typed != strconv.Itoa(len(ids)) {
		body.Done = false
		problems = admin.FieldErrors{{Field: "number", Problem: texts.Get("selected.mistyped")}}
	}
	catalogs, err := u.Service.Catalogs(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	for _, id := range ids {
		item, err := u.selectedToken(c, &action, id, body.Done)
		if err != nil {
			return err
		}
		if item.Problem == "" {
			body.Possible++
			if item.Staged = isStaged(catalogs, item.Token); item.Staged {
				body.Drafts++
				body.Drafted = distinct(append(body.Drafted, item.Token.API))
			}
		}
		body.Items = append(body.Items, item)
	}
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return u.show(c, status, "selected", page{Title: "selected." + body.Action, Here: "/tokens", Body: body, Errors: problems})
}

// selectedToken looks at one of the tokens, and does it to it.
func (u *ui) selectedToken(c *call, action *selectedAction, id string, do bool) (selectedToken, error) {
	item := selectedToken{ID: id}
	t, err := u.find(c, id)
	if err == nil {
		item.Token = &t
	}
	switch {
	case err == nil && (!c.actor.May(action.right, &t) || action.forSelf && c.actor.ActsForOther(&t)):
		item.Problem = texts.Get("selected.forbidden")
		return item, nil
	case do && (err == nil || errors.Is(err, store.ErrUnreadable)):
		err = action.do(u.Service, c.r.Context(), c.actor, id)
	}
	item.Problem, err = u.problemOf(c, err)
	return item, err
}

// problemOf says why something was not done to one token; an error ends it for all.
func (u *ui) problemOf(c *call, err error) (string, error) {
	refused, forbidden := errors.AsType[*admin.ForbiddenError](err)
	undraftable, refusedDraft := errors.AsType[draftError](asDraftError(err))
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, admin.ErrSignedOut) || c.r.Context().Err() != nil:
		return "", err
	case forbidden:
		return sentence(refused.Problem), nil
	case refusedDraft:
		return sentence(undraftable.Error()), nil
	case errors.Is(err, store.ErrNotFound):
		return texts.Get("selected.gone"), nil
	case errors.Is(err, store.ErrConflict):
		return texts.Get("selected.conflict"), nil
	case errors.Is(err, store.ErrUnreadable):
		return texts.Get("selected.unreadable"), nil
	default:
		u.Failed(c.r, err)
		return texts.Get("selected.failed"), nil
	}
}

// find returns a token by its id, and by nothing else.
func (u *ui) find(c *call, id string) (token.Token, error) {
	if !token.IsID(id) {
		return token.Token{}, store.ErrNotFound
	}
	return u.Service.Find(c.r.Context(), c.actor, "", id)
}

// distinct returns each text once, in the order in which they came first.
func distinct(all []string) []string {
	var some []string
	seen := map[string]bool{}
	for _, text := range all {
		if !seen[text] {
			seen[text], some = true, append(some, text)
		}
	}
	return some
}
