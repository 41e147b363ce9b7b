package ui

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// editRoutes are the forms of new and present tokens.
var editRoutes = []route{
	{method: "GET", path: "/tokens/new", handle: (*ui).newTokenPage},
	{method: "POST", path: "/tokens/new", handle: (*ui).otherAPI},
	{method: "POST", path: "/tokens", handle: (*ui).createToken},
	{method: "GET", path: "/tokens/{id}/edit", handle: (*ui).editTokenPage},
	{method: "POST", path: "/tokens/{id}/edit", handle: (*ui).editToken},
}

// permissionsPart is the id of the part that depends on the API, which scripts swap.
const permissionsPart = "permissions"

func (u *ui) newTokenPage(c *call) error {
	if err := mayMake(c); err != nil {
		return err
	}
	form, err := u.formLike(c, c.query("like"))
	if err != nil {
		return err
	}
	body, err := u.newEditPage(c, form, nil)
	if err != nil {
		return err
	}
	return u.showEdit(c, http.StatusOK, body, nil)
}

// formLike is the form as it begins: with what another token is for and may do, if there
// is an id of one.
func (u *ui) formLike(c *call, id string) (tokenForm, error) {
	form := u.newForm(c)
	if id == "" {
		return form, nil
	}
	t, err := u.find(c, id)
	if err != nil {
		return form, err
	}
	gone, err := u.Service.Gone(c.r.Context(), &t)
	if err != nil {
		return form, err
	}
	t.Grants = slices.DeleteFunc(slices.Clone(t.Grants), func(grant string) bool { return slices.Contains(gone, grant) })
	permissions, err := u.permissionsOf(c, t.API)
	if err != nil {
		return form, err
	}
	other := tokenFormOf(&t, offered(permissions))
	form.API, form.Description, form.Type, form.Ticked, form.Written = other.API, other.Description, other.Type, other.Ticked, other.Written
	return form, nil
}

// mayMake refuses before a form is filled in for nothing.
func mayMake(c *call) error {
	if c.actor.Scope(admin.TokenCreate) == store.None {
		return &admin.ForbiddenError{Right: admin.TokenCreate, Problem: texts.Get("edit.may-not-make", c.actor.Role.Name)}
	}
	return nil
}

// otherAPI shows the form as it was typed, for the API that was chosen. It makes nothing.
func (u *ui) otherAPI(c *call) error {
	if err := mayMake(c); err != nil {
		return err
	}
	body, err := u.newEditPage(c, c.typed(), nil)
	if err != nil {
		return err
	}
	if c.partial(permissionsPart) {
		return u.showPart(c, http.StatusOK, "edit", permissionsPart, page{Body: body, Part: true})
	}
	return u.showEdit(c, http.StatusOK, body, nil)
}

func (u *ui) createToken(c *call) error {
	form := c.typed()
	if err := form.check(); err != nil {
		return u.editAgain(c, form, nil, err)
	}
	key, err := form.idempotency()
	if err != nil {
		return err
	}
	t, secret, replayed, err := u.Service.CreateOnce(c.r.Context(), c.actor, form.newToken(), key)
	switch {
	case err == nil && replayed: // the form was sent again, and its answer lost
		return c.leaveWith("/tokens/"+t.ID, "made-already")
	case err == nil:
		draft := ""
		if t.Draft == token.DraftCreate {
			draft = "draft.made"
		}
		return u.showSecret(c, &t, secret, "secret.created", draft)
	case errors.Is(err, admin.ErrKeyReused):
		form.Nonce = rand.Text()
	}
	return u.editAgain(c, form, nil, err)
}

func (u *ui) editTokenPage(c *call) error {
	t, err := u.mayChange(c)
	if err != nil {
		return err
	}
	permissions, err := u.permissionsOf(c, t.API)
	if err != nil {
		return err
	}
	boxes := offered(permissions)
	form := tokenFormOf(&t, boxes)
	if !c.actor.ActsForOther(&t) {
		form = form.asking(c.query("grant"), boxes)
	}
	body, err := u.newEditPage(c, form, &t)
	if err != nil {
		return err
	}
	return u.showEdit(c, http.StatusOK, body, nil)
}

// mayChange returns the token of the path, if whoever asks may change it: as it is
// drafted, if what changes is a draft first.
func (u *ui) mayChange(c *call) (token.Token, error) {
	ch, err := u.changeable(c, c.r.PathValue("id"))
	switch {
	case err != nil:
	case !c.actor.May(admin.TokenUpdate, &ch.Token):
		err = &admin.ForbiddenError{Right: admin.TokenUpdate, Problem: texts.Get("edit.may-not-change", c.actor.Role.Name)}
	case ch.Staged && ch.Draft == token.DraftDelete:
		err = draftError{admin.FieldErrors{{Field: "draft", Problem: texts.Get("draft.deleted")}}}
	}
	return ch.Token, err
}

func (u *ui) editToken(c *call) error {
	t, err := u.mayChange(c)
	if err != nil {
		return err
	}
	form, err := c.typedEdit(&t)
	if err != nil {
		return err
	}
	if err := form.check(); err != nil {
		return u.editAgain(c, form, &t, err)
	}
	if c.actor.ActsForOther(&t) {
		form = form.describing(&t)
	}
	change, err := u.Service.Update(c.r.Context(), c.actor, t.ID, form.edit())
	if err == nil {
		staged, err := u.staged(c, &change.Token)
		if err != nil {
			return err
		}
		return c.leaveWith("/tokens/"+t.ID, saved(&change.Token, staged, "token-saved"))
	}
	if errors.Is(err, store.ErrConflict) {
		return u.editConflict(c, form, t.ID)
	}
	return u.editAgain(c, form, &t, err)
}

// typedEdit is the form of a present token as it was sent.
func (c *call) typedEdit(t *token.Token) (form tokenForm, err error) {
	form = c.typed()
	if form.Version, err = c.version(); err != nil { // none would be any
		return form, err
	}
	form.API = t.API
	if len(c.r.PostForm["owner"]) == 0 {
		form.Owner = t.Owner // who may not hand it over is not asked
	}
	return form, nil
}

// editAgain shows the form as it was typed, with what is wrong with it. t is nil
// for a new token.
func (u *ui) editAgain(c *call, form tokenForm, t *token.Token, cause error) error {
	status, problems := u.editProblems(c, cause)
	if problems == nil {
		return cause
	}
	body, err := u.newEditPage(c, form, t)
	if err != nil {
		return cause
	}
	return u.showEdit(c, status, body, body.Form.explain(problems, body.catalog))
}

// editProblems tells an error in the words of the form: nil if that has none for it.
func (u *ui) editProblems(c *call, err error) (int, admin.FieldErrors) {
	if problems, ok := errors.AsType[admin.FieldErrors](err); ok {
		return http.StatusUnprocessableEntity, problems
	}
	whole := func(problem string) admin.FieldErrors { return admin.FieldErrors{{Field: "form", Problem: problem}} }
	if refused, ok := errors.AsType[*admin.ForbiddenError](err); ok {
		return http.StatusForbidden, whole(refused.Problem)
	}
	switch {
	case errors.Is(err, admin.ErrKeyReused):
		return http.StatusConflict, whole(texts.Get("edit.sent-before"))
	case errors.Is(err, store.ErrUnavailable):
		c.w.Header().Set("Retry-After", "2")
		u.Failed(c.r, err)
		return http.StatusServiceUnavailable, whole(texts.Get("edit.store"))
	default:
		return 0, nil
	}
}

func (u *ui) showEdit(c *call, status int, body editPage, problems admin.FieldErrors) error {
	p := page{Title: "edit.new", Here: "/tokens", Body: body, Errors: problems}
	if body.Token != nil {
		p.Title, p.Name = "edit.title", body.Token.Name
	}
	return u.show(c, status, "edit", p)
}

// owners returns the names that a token can be made for or handed to; none if
// whoever asks has no choice.
func (u *ui) owners(c *call, right admin.Right, present string) ([]string, error) {
	if c.actor.Scope(right) != store.All {
		return nil, nil
	}
	names, err := u.Service.AccountNames(c.r.Context(), c.actor)
	if err == nil && present != "" && !slices.Contains(names, present) {
		names = append([]string{present}, names...)
	}
	return names, err
}
