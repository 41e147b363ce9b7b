package ui

import (
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/store"
)

var (
	errNoPage      = errors.New("no such page")
	errCrossOrigin = errors.New("a page of another origin sent this form")
	errForm        = errors.New("the form can't be read")
)

// failures are the errors that have a page of their own: key is of the texts, and
// has .title and .text. The rest is a technical failure.
var failures = []struct {
	is     error
	status int
	key    string
}{
	{errNoPage, http.StatusNotFound, "failure.page"},
	{errCrossOrigin, http.StatusForbidden, "failure.origin"},
	{errForm, http.StatusBadRequest, "failure.form"},
	{store.ErrNotFound, http.StatusNotFound, "failure.missing"},
	{store.ErrBadCursor, http.StatusBadRequest, "failure.cursor"},
	{store.ErrConflict, http.StatusConflict, "failure.conflict"},
	{store.ErrUnavailable, http.StatusServiceUnavailable, "failure.store"},
	{store.ErrUnreadable, http.StatusInternalServerError, "failure.unreadable"},
	{admin.ErrLastOwner, http.StatusConflict, "failure.last_owner"},
	{admin.ErrBuiltIn, http.StatusConflict, "failure.built_in"},
}

// failure is what the page of an error says.
type failure struct {
	Title, Text string // keys of the texts
	Detail      string // what the service says; may be empty
}

func newFailure(key, detail string) failure { return failure{key + ".title", key + ".text", detail} }

// fail answers what went wrong. Who is not signed in gets the page to sign in.
func (u *ui) fail(c *call, err error) {
	if c.r.Context().Err() != nil {
		return // nobody is there to read it
	}
	if errors.Is(err, admin.ErrSignedOut) {
		u.askToSignIn(c)
		return
	}
	status, f := u.failureOf(c, err)
	if status >= http.StatusInternalServerError {
		u.Failed(c.r, err)
	}
	if err := u.show(c, status, "failure", page{Title: f.Title, Body: f}); err != nil {
		u.Failed(c.r, err)
	}
}

func (u *ui) failureOf(c *call, err error) (int, failure) {
	if e, ok := errors.AsType[*admin.ForbiddenError](err); ok {
		return http.StatusForbidden, newFailure("failure.forbidden", sentence(e.Problem))
	}
	if e, ok := errors.AsType[*admin.ThrottledError](err); ok {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())+1))
		return http.StatusTooManyRequests, newFailure("failure.throttled", sentence(e.Error()))
	}
	if e, ok := errors.AsType[*rest.ProblemError](err); ok { // of who says who asks
		maps.Copy(c.w.Header(), e.Header)
		return e.Status, newFailure("failure.refused", e.Detail)
	}
	if e, ok := errors.AsType[draftError](err); ok {
		return http.StatusConflict, newFailure("failure.draft", sentence(e.Error()))
	}
	if e, ok := errors.AsType[admin.FieldErrors](err); ok { // where there is no form to show them in
		return http.StatusBadRequest, newFailure("failure.form", sentence(e.Error()))
	}
	for _, known := range failures {
		if errors.Is(err, known.is) {
			if known.status == http.StatusServiceUnavailable {
				c.w.Header().Set("Retry-After", "2")
			}
			return known.status, newFailure(known.key, "")
		}
	}
	return http.StatusInternalServerError, newFailure("failure.other", "")
}

// sentence makes the text of an error a sentence.
func sentence(text string) string { return capital(text) + "." }
