package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestLifeOfAToken(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	created := ann.do(t, "POST", "/tokens", newToken("ci", object{"description": "for the build"})).want(t, http.StatusCreated)
	made := read[issued](t, created)
	path := "/tokens/" + made.Token.ID
	switch {
	case made.Secret == nil || !token.WellFormed(*made.Secret):
		t.Fatalf("no secret: %s", created.body)
	case created.Header.Get("Location") != admin.ManagementPath+path || created.Header.Get("ETag") != `"1"`:
		t.Errorf("headers are %v", created.Header)
	case made.Token.Owner != "ann" || made.Token.Status != token.Active:
		t.Errorf("got %+v", made.Token)
	}
	edited := ann.do(t, "PATCH", path, object{"name": "build", "duration": "unlimited"}, "If-Match", `"1"`).want(t, http.StatusOK)
	if got := read[admin.Record](t, edited); got.Name != "build" || got.Expiry != nil || edited.Header.Get("ETag") != `"2"` {
		t.Errorf("got %s", edited.body)
	}
	if got := read[admin.Record](t, ann.do(t, "POST", path+"/disable", nil).want(t, http.StatusOK)); got.Enabled {
		t.Errorf("got %+v", got)
	}
	if got := read[admin.Record](t, ann.do(t, "POST", path+"/enable", "{}").want(t, http.StatusOK)); !got.Enabled {
		t.Errorf("got %+v", got)
	}
	rotated := read[issued](t, ann.do(t, "POST", path+"/regenerate", object{"overlap": "36h"}).want(t, http.StatusOK))
	secrets := read[page[admin.SecretRecord]](t, ann.do(t, "GET", path+"/secrets", nil).want(t, http.StatusOK))
	if len(secrets.Items) != 2 || secrets.Items[0].Hint != rotated.Token.Hint || secrets.Items[1].Expiry == nil {
		t.Errorf("secrets are %+v", secrets.Items)
	}
	f.use(t, made.Token.ID, *made.Secret)
	secrets = read[page[admin.SecretRecord]](t, ann.do(t, "GET", path+"/secrets", nil).want(t, http.StatusOK))
	if secrets.Items[0].LastUsed != nil || secrets.Items[1].LastUsed == nil {
		t.Errorf("only the old secret was used: %+v", secrets.Items)
	}
	usage := ann.do(t, "GET", path+"/usage", nil).want(t, http.StatusOK)
	if days := read[page[struct{ Allowed, Refused int }]](t, usage); len(days.Items) != 1 || days.Items[0].Allowed != 3 {
		t.Errorf("usage is %s", usage.body)
	}
	if late := read[page[any]](t, ann.do(t, "GET", path+"/usage?since=2999-01-01", nil).want(t, http.StatusOK)); len(late.Items) != 0 {
		t.Errorf("usage is %v", late.Items)
	}
	permissions := read[admin.PermissionUsage](t, ann.do(t, "GET", path+"/usage/permissions", nil).want(t, http.StatusOK))
	if permissions.LastAddress != "192.0.2.1" || len(permissions.Permissions) != 1 || permissions.Permissions[0] != (admin.PermissionUse{Permission: "article.delete", Refused: 1}) || permissions.UnusedGrants == nil {
		t.Errorf("usage by permission is %+v", permissions)
	}
	if late := read[admin.PermissionUsage](t, ann.do(t, "GET", path+"/usage/permissions?since=2999-01-01", nil).want(t, http.StatusOK)); len(late.Permissions) != 0 || late.Since.Year() != 2999 {
		t.Errorf("usage by permission is %+v", late)
	}
	read[issued](t, ann.do(t, "POST", path+"/regenerate", nil).want(t, http.StatusOK))
	secrets = read[page[admin.SecretRecord]](t, ann.do(t, "GET", path+"/secrets", nil).want(t, http.StatusOK))
	if len(secrets.Items) != 1 {
		t.Errorf("secrets are %+v", secrets.Items)
	}
	events := ann.do(t, "GET", path+"/events?limit=3", nil).want(t, http.StatusOK)
	if p := read[page[admin.EventRecord]](t, events); len(p.Items) != 3 || p.Next == nil {
		t.Errorf("events are %s", events.body)
	}
	ann.do(t, "DELETE", path, nil).want(t, http.StatusNoContent)
	ann.do(t, "GET", path, nil).refused(t, http.StatusNotFound, "not_found")
	for _, answered := range []string{string(usage.body), string(events.body), string(edited.body)} {
		for _, secret := range []string{*made.Secret, *rotated.Secret} {
			if strings.Contains(answered, secret) {
				t.Error("a secret is in another answer")
			}
		}
	}
}

// use records that a secret was used today.
func (f *fixture) use(t *testing.T, id, secret string) {
	t.Helper()
	now := f.now().UTC().Truncate(time.Millisecond)
	err := f.store.RecordUse(t.Context(), []token.Use{{
		TokenID: id, Secret: token.Hash(secret), Day: now.Truncate(24 * time.Hour), Last: now, Allowed: 3, Refused: 1,
		Address: "192.0.2.1", Permissions: []token.PermissionUse{{Permission: "article.delete", Refused: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoEditors(t *testing.T) {
	f := newFixture(t)
	ann, ben := f.member(t, "ann", admin.RoleManager), f.member(t, "ben", admin.RoleManager)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	seenByAnn, seenByBen := ann.do(t, "GET", path, nil).Header.Get("ETag"), ben.do(t, "GET", path, nil).Header.Get("ETag")
	ann.do(t, "PATCH", path, object{"description": "ann's"}, "If-Match", seenByAnn).want(t, http.StatusOK)
	ben.do(t, "PATCH", path, object{"description": "ben's"}, "If-Match", seenByBen).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	ben.do(t, "PATCH", path, object{"description": "ben's"}).refused(t, http.StatusPreconditionRequired, "version_needed")
	for _, bad := range []string{"1", `W/"1"`, `"1", "2"`, `"01"`, `"0"`, `"-1"`, `""`, `"x"`} {
		ben.do(t, "PATCH", path, object{"description": "ben's"}, "If-Match", bad).refused(t, http.StatusBadRequest, "invalid_header")
	}
	if got := read[admin.Record](t, ben.do(t, "GET", path, nil)); got.Description != "ann's" {
		t.Errorf("got %+v", got)
	}
	ben.do(t, "PATCH", path, object{"description": "ben's"}, "If-Match", "*").want(t, http.StatusOK)
}

// Of many editors of one version, one wins.
// Whoever says which version they mean is refused if it is another one by now, whatever they ask for.
func TestIfMatchOfOtherChanges(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	f.member(t, "ben", admin.RoleMember)
	ann.do(t, "POST", "/roles", object{"name": "team", "read": "own"}).want(t, http.StatusCreated)
	made := "/tokens/" + f.token(t, "ann", "ci").ID
	for path, edit := range map[string]object{made: {"description": "x"}, "/accounts/ben": {"role": "auditor"}} {
		ann.do(t, "PATCH", path, edit, "If-Match", "*").want(t, http.StatusOK)
	}
	ann.do(t, "PUT", "/roles/team", object{"read": "all"}, "If-Match", "*").want(t, http.StatusOK)
	for _, change := range []struct {
		method, path, of string
		body             any
		status           int
	}{
		{"POST", made + "/disable", made, nil, http.StatusOK},
		{"POST", made + "/disable", made, object{"now": true}, http.StatusOK},
		{"POST", made + "/enable", made, nil, http.StatusOK},
		{"POST", made + "/regenerate", made, object{"overlap": "1d"}, http.StatusOK},
		{"DELETE", made, made, nil, http.StatusNoContent},
		{"DELETE", "/accounts/ben", "/accounts/ben", nil, http.StatusOK},
		{"DELETE", "/roles/team", "/roles/team", nil, http.StatusNoContent},
	} {
		before := ann.do(t, "GET", change.of, nil).want(t, http.StatusOK)
		ann.do(t, change.method, change.path, change.body, "If-Match", `"1"`).refused(t, http.StatusPreconditionFailed, "version_mismatch")
		for _, bad := range []string{"", "1", `W/"2"`, `"1", "2"`} {
			ann.do(t, change.method, change.path, change.body, "If-Match", bad).refused(t, http.StatusBadRequest, "invalid_header")
		}
		if after := ann.do(t, "GET", change.of, nil).want(t, http.StatusOK); string(after.body) != string(before.body) {
			t.Errorf("%s %s was refused and done: %s", change.method, change.path, after.body)
		}
		ann.do(t, change.method, change.path, change.body, "If-Match", before.Header.Get("ETag")).want(t, change.status)
		if change.method == "POST" {
			ann.do(t, change.method, change.path, change.body, "If-Match", "*").want(t, change.status)
		}
	}
}

func TestEditorsAtOnce(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleManager)
	path := "/tokens/" + f.token(t, "ann", "ci").ID
	statuses := make([]int, 8)
	var editors sync.WaitGroup
	for i := range statuses {
		editors.Go(func() {
			var got answer
			var err error
			if i%2 == 0 {
				got, err = ann.try(t, "PATCH", path, object{"description": fmt.Sprint(i)}, "If-Match", `"1"`)
			} else {
				got, err = ann.try(t, "POST", path+"/regenerate", nil, "If-Match", `"1"`)
			}
			if err != nil {
				t.Error(err)
				return
			}
			statuses[i] = got.StatusCode
		})
	}
	editors.Wait()
	won := 0
	for _, status := range statuses {
		switch status {
		case http.StatusOK:
			won++
		case http.StatusPreconditionFailed:
		default:
			t.Errorf("got %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d editors won: %v", won, statuses)
	}
}

func TestCreateOnce(t *testing.T) {
	f := newFixture(t)
	ann, ben := f.member(t, "ann", admin.RoleMember), f.member(t, "ben", admin.RoleMember)
	const key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	first := read[issued](t, ann.do(t, "POST", "/tokens", newToken("ci"), "Idempotency-Key", key).want(t, http.StatusCreated))
	// The same request, laid out another way.
	again := ann.do(t, "POST", "/tokens", `{ "name": "ci", "grants": ["article.find"], "type": "custom",
		"duration": "30d", "api": "articles" }`, "Idempotency-Key", key).want(t, http.StatusOK)
	if got := read[issued](t, again); got.Secret != nil || got.Token.ID != first.Token.ID || again.Header.Get("Location") == "" {
		t.Errorf("got %s", again.body)
	}
	ann.do(t, "POST", "/tokens", newToken("other"), "Idempotency-Key", key).refused(t, http.StatusUnprocessableEntity, "idempotency_key_reused")
	ben.do(t, "POST", "/tokens", newToken("ben's"), "Idempotency-Key", key).want(t, http.StatusCreated)
	for _, bad := range []string{"", "a b", strings.Repeat("x", 256)} {
		ann.do(t, "POST", "/tokens", newToken("bad"), "Idempotency-Key", bad).refused(t, http.StatusBadRequest, "invalid_header")
	}
	// Many at once make one.
	answers := make(chan answer, 8)
	var clients sync.WaitGroup
	for range cap(answers) {
		clients.Go(func() {
			got, err := ann.try(t, "POST", "/tokens", newToken("at once"), "Idempotency-Key", "at-once")
			if err != nil {
				t.Error(err)
				return
			}
			answers <- got
		})
	}
	clients.Wait()
	close(answers)
	made := map[string]int{}
	for got := range answers {
		made[fmt.Sprint(got.StatusCode, " ", read[issued](t, got).Token.ID)]++
	}
	if len(made) != 2 {
		t.Errorf("got %v; want one 201 and seven 200 of one id", made)
	}
	ann.do(t, "DELETE", "/tokens/"+first.Token.ID, nil).want(t, http.StatusNoContent)
	ann.do(t, "POST", "/tokens", newToken("ci"), "Idempotency-Key", key).refused(t, http.StatusConflict, "created_gone")
}

func TestImportOnce(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	body := newToken("old", object{"secret": "from-another-system-1"})
	do := func(body object, key string) answer {
		return ann.do(t, "POST", "/tokens/import", body, "Idempotency-Key", key)
	}
	first := read[admin.Record](t, do(body, "one").want(t, http.StatusCreated))
	again := do(body, "one").want(t, http.StatusOK)
	if read[admin.Record](t, again).ID != first.ID || again.Header.Get("Location") == "" || strings.Contains(string(again.body), "from-another") {
		t.Errorf("got %s", again.body)
	}
	do(newToken("old", object{"secret": "from-another-system-2"}), "one").refused(t, http.StatusUnprocessableEntity, "idempotency_key_reused")
	ann.do(t, "POST", "/tokens", newToken("old"), "Idempotency-Key", "one").refused(t, http.StatusUnprocessableEntity, "idempotency_key_reused")
	do(body, "a b").refused(t, http.StatusBadRequest, "invalid_header")
	do(body, "two").refused(t, http.StatusUnprocessableEntity, "invalid_fields") // another request for the same
	ann.do(t, "DELETE", "/tokens/"+first.ID, nil).want(t, http.StatusNoContent)
	do(body, "one").refused(t, http.StatusConflict, "created_gone")
	do(body, "two").want(t, http.StatusCreated)
}

func TestFieldErrors(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	f.token(t, "ann", "taken")
	for name, test := range map[string]struct {
		body   object
		fields string
	}{
		"everything":         {object{}, "duration name type api"},
		"no type":            {newToken("x", object{"type": "x", "grants": []string{}}), "type"},
		"name taken":         {newToken("taken"), "name"},
		"unknown permission": {newToken("x", object{"grants": []string{"article.fly"}}), "grants"},
		"unknown API":        {newToken("x", object{"api": "nothing", "grants": []string{"GET /"}}), "api"},
		"long":               {newToken("x", object{"description": strings.Repeat("x", 201)}), "description"},
		"past":               {newToken("x", object{"duration": "2001-01-01"}), "duration"},
		"like a secret":      {newToken("trv_x"), "name"},
	} {
		t.Run(name, func(t *testing.T) {
			p := ann.do(t, "POST", "/tokens", test.body).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
			for field := range strings.FieldsSeq(test.fields) {
				found := false
				for _, e := range p.Errors {
					found = found || e.Field == field && e.Problem != ""
				}
				if !found {
					t.Errorf("nothing about %s in %v", field, p.Errors)
				}
			}
			if want := len(strings.Fields(test.fields)); len(p.Errors) != want {
				t.Errorf("got %d problems, want %d: %v", len(p.Errors), want, p.Errors)
			}
		})
	}
	script := f.scriptOf(t, "ann")
	for field, bad := range map[string]object{"type": {"type": "x"}, "duration": {"duration": "x"}} {
		own := object{"api": admin.ManagementAPI, "type": "full-access", "grants": []string{}, "duration": "1d"}
		p := script.do(t, "POST", "/tokens", newToken("x", own, bad)).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("got %v", p.Errors)
		}
	}
	path := "/tokens/" + f.token(t, "ann", "mine").ID
	for body, field := range map[string]string{
		`{"name":"taken"}`: "name", `{"type":"nothing"}`: "type", `{"grants":[]}`: "grants",
	} {
		if p := ann.do(t, "PATCH", path, body, "If-Match", "*").refused(t, http.StatusUnprocessableEntity, "invalid_fields"); p.Errors[0].Field != field {
			t.Errorf("%s: got %v", body, p.Errors)
		}
	}
	for _, overlap := range []string{"x", "-1h", "0h", "1"} {
		p := ann.do(t, "POST", path+"/regenerate", object{"overlap": overlap}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
		if p.Errors[0].Field != "overlap" {
			t.Errorf("%s: got %v", overlap, p.Errors)
		}
	}
	p := ann.do(t, "POST", "/tokens/import", newToken("x", object{"secret": "short"})).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	if p.Errors[0].Field != "secret" || strings.Contains(p.Detail, "short\"") {
		t.Errorf("got %+v", p)
	}
}
