package rest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/store"
)

// Each error of the service has one answer, whose code is in the document.
func TestErrors(t *testing.T) {
	secret := errors.New("dial tcp: password=hunter2")
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{admin.ErrSignedOut, 401, "not_signed_in"},
		{admin.ErrSignInRefused, 401, "sign_in_refused"},
		{&admin.ForbiddenError{Right: admin.TokenRead, Problem: "no"}, 403, "forbidden"},
		{admin.ErrSetUpLink, 403, "set_up_link_invalid"},
		{fmt.Errorf("token: %w", store.ErrNotFound), 404, "not_found"},
		{admin.ErrSetUpDone, 409, "set_up_done"},
		{admin.ErrLastOwner, 409, "last_owner"},
		{admin.ErrBuiltIn, 409, "built_in_role"},
		{&admin.PlanError{Account: "ann", Tokens: 2}, 409, "plan_needed"},
		{&admin.RoleInUseError{Role: "team", Accounts: 2}, 409, "role_in_use"},
		{store.ErrConflict, 409, "conflict"},
		{store.ErrNameTaken, 409, "name_taken"},
		{store.ErrSecretTaken, 409, "secret_taken"},
		{store.ErrSubjectTaken, 409, "subject_taken"},
		{admin.ErrKeyReused, 422, "idempotency_key_reused"},
		{store.ErrBadCursor, 400, "invalid_cursor"},
		{&admin.ThrottledError{RetryAfter: 1500 * time.Millisecond}, 429, "throttled"},
		{store.ErrUnreadable, 500, "unreadable_record"},
		{fmt.Errorf("%w: %w", store.ErrUnavailable, secret), 503, "store_unavailable"},
		{secret, 500, "failure"},
	} {
		failed := 0
		handler := rest.New(rest.Config{
			Service: admin.New(nil, time.Now, nil), Now: time.Now,
			Authenticate: func(*http.Request) (admin.Actor, error) { return admin.Actor{}, test.err },
			Failed:       func(*http.Request, error) { failed++ },
		})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+admin.ManagementPath+"/tokens", nil))
		got := answer{&http.Response{StatusCode: w.Code, Header: w.Header()}, w.Body.Bytes()}
		p := read[rest.ProblemError](t, got)
		if w.Code != test.status || p.Code != test.code || p.Status != test.status || p.Detail == "" {
			t.Errorf("%v: got %d %+v", test.err, w.Code, p)
		}
		if (failed > 0) != (test.status >= 500) {
			t.Errorf("%v: told %d times", test.err, failed)
		}
		if waits := w.Header().Get("Retry-After") != ""; waits != slices.Contains([]int{429, 503}, test.status) {
			t.Errorf("%v: Retry-After is %q", test.err, w.Header().Get("Retry-After"))
		}
		if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (test.status == 401) {
			t.Errorf("%v: challenge is %q", test.err, w.Header().Get("WWW-Authenticate"))
		}
		if strings.Contains(string(got.body), "hunter2") {
			t.Errorf("a failure is told with detail: %s", got.body)
		}
		for _, wrong := range check(document().at("components", "schemas", "Code"), p.Code, test.code) {
			t.Error(wrong)
		}
	}
}

// An export that fails on the way breaks off, so that nobody takes it for a whole one.
func TestExportBreaksOff(t *testing.T) {
	f := newFixture(t)
	actor := admin.Operator("root")
	f.token(t, "ann", "one")
	f.token(t, "ann", "two")
	handler := rest.New(rest.Config{
		Service: f.Service, Now: f.now, Authenticate: func(*http.Request) (admin.Actor, error) { return actor, nil },
	})
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // that is what net/http looks for
			t.Errorf("recovered %v", got)
		}
	}()
	w := &brokenWriter{ResponseRecorder: httptest.NewRecorder()}
	handler.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+admin.ManagementPath+"/events/export", nil))
	t.Error("it ended as if it was whole")
}

// brokenWriter takes one piece.
type brokenWriter struct {
	*httptest.ResponseRecorder

	taken bool
}

func (w *brokenWriter) Write(text []byte) (int, error) {
	if w.taken {
		return 0, errors.New("gone")
	}
	w.taken = true
	return w.ResponseRecorder.Write(text)
}

// A secret in a wrong place is not said again, nor a long text whole.
func TestErrorsRepeatNoSecrets(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	one := f.token(t, "ann", "one").ID
	for _, value := range []string{"trv_" + strings.Repeat("aB3", 13)[:38], admin.SessionPrefix + strings.Repeat("0a", 32), strings.Repeat("x", 10_000)} {
		token := func(field string) map[string]any {
			body := map[string]any{"api": "articles", "name": "ci", "type": "read-only", "duration": "1d"}
			body[field] = value
			return body
		}
		for _, request := range []struct {
			method, path string
			body         any
		}{
			{"POST", "/tokens", token("api")},
			{"POST", "/tokens", token("type")},
			{"POST", "/tokens", token("duration")},
			{"POST", "/tokens", token("owner")},
			{"POST", "/tokens", token("name")},
			{"POST", "/tokens", token(value)},
			{"POST", "/roles", map[string]any{"name": "team", "read": value}},
			{"POST", "/roles", map[string]any{"name": value}},
			{"POST", "/accounts", map[string]any{"name": "ben", "role": value}},
			{"GET", "/tokens?api=" + value, nil},
			{"GET", "/tokens?" + value + "=1", nil},
			{"GET", "/tokens/" + value, nil},
			{"GET", "/accounts/" + value, nil},
			{"DELETE", "/sessions/" + value, nil},
			{"POST", "/tokens/" + one + "/explain", map[string]any{"method": value, "path": "/x"}},
		} {
			got := ann.do(t, request.method, request.path, request.body)
			if got.StatusCode < 400 || got.StatusCode >= 500 || strings.Contains(strings.ToLower(string(got.body)), strings.ToLower(value)) || len(got.body) > 2000 {
				t.Errorf("%s %.40s: %d %.300s", request.method, request.path, got.StatusCode, got.body)
			}
		}
	}
}
