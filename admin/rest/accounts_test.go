package rest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
)

func TestAccounts(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	f.token(t, "ben", "old one")
	made := ann.do(t, "POST", "/accounts", object{"name": "Ben", "role": "member", "password": password}).want(t, http.StatusCreated)
	created := read[struct {
		Account   admin.AccountRecord
		Inherited int `json:"inherited_tokens"`
	}](t, made)
	if created.Account.Name != "ben" || created.Inherited != 1 || made.Header.Get("Location") != admin.ManagementPath+"/accounts/ben" {
		t.Errorf("got %s", made.body)
	}
	for body, field := range map[string]string{
		`{"name":"ben","role":"member"}`: "name", `{"name":"b c","role":"member"}`: "name",
		`{"name":"c","role":"nothing"}`: "role", `{"name":"c","role":"member","password":"short"}`: "password",
	} {
		if p := ann.do(t, "POST", "/accounts", body).refused(t, http.StatusUnprocessableEntity, "invalid_fields"); p.Errors[0].Field != field {
			t.Errorf("%s: got %v", body, p.Errors)
		}
	}
	ben := f.signIn(t, "ben")
	dry := ann.do(t, "PATCH", "/accounts/ben", object{"role": "auditor", "dry_run": true}, "If-Match", "*").want(t, http.StatusOK)
	if dry.Header.Get("ETag") != "" {
		t.Error("a dry run has a version")
	}
	ben.do(t, "GET", "/account", nil).want(t, http.StatusOK)
	version := ann.do(t, "GET", "/accounts/ben", nil).Header.Get("ETag")
	ann.do(t, "PATCH", "/accounts/ben", object{"role": "auditor"}).refused(t, http.StatusPreconditionRequired, "version_needed")
	ann.do(t, "PATCH", "/accounts/ben", object{"role": "auditor"}, "If-Match", version).want(t, http.StatusOK)
	ann.do(t, "PATCH", "/accounts/ben", object{"role": "member"}, "If-Match", version).refused(t, http.StatusPreconditionFailed, "version_mismatch")
	ben.do(t, "GET", "/account", nil).refused(t, http.StatusUnauthorized, "not_signed_in") // another role ends sessions

	p := ann.do(t, "DELETE", "/accounts/ben", nil).refused(t, http.StatusConflict, "plan_needed")
	if p.Tokens != 1 {
		t.Errorf("got %+v", p)
	}
	ann.do(t, "DELETE", "/accounts/ben?hand_to=nobody", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	ann.do(t, "DELETE", "/accounts/ben?hand_to=ann&delete_tokens=true", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	ann.do(t, "DELETE", "/accounts/ben?delete_tokens=yes", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	removed := read[removal](t, ann.do(t, "DELETE", "/accounts/ben?hand_to=ann", nil).want(t, http.StatusOK))
	if removed.HandedOver != 1 || len(removed.Overreach) != 0 {
		t.Errorf("got %+v", removed)
	}
	ann.do(t, "GET", "/accounts/ben", nil).refused(t, http.StatusNotFound, "not_found")
}

type removal struct {
	HandedOver int `json:"handed_over"`
	Overreach  []admin.Record
}

// What is mightier than the role of its new owner is told, whichever way it got there.
func TestOverreachOfTokensHandedOver(t *testing.T) {
	f := newFixture(t)
	ann, _ := f.member(t, "ann", admin.RoleOwner), f.member(t, "reader", admin.RoleAuditor)
	_ = f.member(t, "ben", admin.RoleMember)
	made := f.token(t, "ann", "ci")
	for owner, mightier := range map[string]bool{"reader": true, "ben": false} {
		got := ann.do(t, "PATCH", "/tokens/"+made.ID, object{"owner": owner}, "If-Match", "*").want(t, http.StatusOK)
		if read[struct{ Overreach bool }](t, got).Overreach != mightier {
			t.Errorf("to %s: got %s", owner, got.body)
		}
		ann.do(t, "PATCH", "/tokens/"+made.ID, object{"owner": "ann"}, "If-Match", "*").want(t, http.StatusOK)
	}
	ann.do(t, "PATCH", "/tokens/"+made.ID, object{"owner": "ben"}, "If-Match", "*").want(t, http.StatusOK)
	removed := read[removal](t, ann.do(t, "DELETE", "/accounts/ben?hand_to=reader", nil).want(t, http.StatusOK))
	if len(removed.Overreach) != 1 || removed.Overreach[0].ID != made.ID || removed.Overreach[0].Owner != "reader" {
		t.Errorf("got %+v", removed)
	}
}

func TestScriptsLetNobodySignIn(t *testing.T) {
	f := newFixture(t)
	_ = f.member(t, "ann", admin.RoleOwner)
	script := f.scriptOf(t, "ann")
	for _, field := range []string{"password", "subject"} {
		p := script.do(t, "POST", "/accounts", object{"name": "eve", "role": "owner", field: "a long enough text"}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: got %+v", field, p)
		}
	}
	script.do(t, "POST", "/accounts", object{"name": "eve", "role": "member"}).want(t, http.StatusCreated)
}

func TestLastOwnerStays(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	ann.do(t, "DELETE", "/accounts/ann", nil).refused(t, http.StatusConflict, "last_owner")
	ann.do(t, "PATCH", "/accounts/ann", object{"role": "member"}, "If-Match", "*").refused(t, http.StatusConflict, "last_owner")
	ann.do(t, "PATCH", "/accounts/ann", object{"enabled": false}, "If-Match", "*").refused(t, http.StatusConflict, "last_owner")
	_ = f.member(t, "ben", admin.RoleOwner)
	ann.do(t, "DELETE", "/accounts/ann", nil).want(t, http.StatusOK)
	ann.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
}

func TestRoles(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	made := ann.do(t, "POST", "/roles", object{"name": "team", "read": "all", "ceiling": object{"types": []string{"custom"}}}).want(t, http.StatusCreated)
	if role := read[admin.RoleRecord](t, made); role.Delete != "none" || role.Ceiling.APIs != nil || len(role.Ceiling.Types) != 1 {
		t.Errorf("got %s", made.body)
	}
	ann.do(t, "POST", "/roles", object{"name": "team", "read": "all"}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	ann.do(t, "POST", "/roles", object{"name": "other", "read": "some"}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	unknown := object{"apis": []string{"articles"}, "types": []string{"other"}, "grants": []string{"article.fly", "article.swim"}}
	p := ann.do(t, "POST", "/roles", object{"name": "other", "ceiling": unknown}).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	if len(p.Errors) != 3 || !strings.Contains(p.Errors[1].Problem, `"article.fly"`) || !strings.Contains(p.Errors[2].Problem, `"article.swim"`) {
		t.Errorf("got %v", p.Errors)
	}
	ann.do(t, "POST", "/roles", object{"name": "owner"}).refused(t, http.StatusConflict, "built_in_role")
	ann.do(t, "PUT", "/roles/member", object{}, "If-Match", "*").refused(t, http.StatusConflict, "built_in_role")
	ann.do(t, "DELETE", "/roles/member", nil).refused(t, http.StatusConflict, "built_in_role")
	ann.do(t, "POST", "/roles/nothing/overreach", object{}).refused(t, http.StatusNotFound, "not_found")
	_ = f.member(t, "ben", "team")
	if p := ann.do(t, "DELETE", "/roles/team", nil).refused(t, http.StatusConflict, "role_in_use"); p.Accounts != 1 {
		t.Errorf("got %+v", p)
	}
	ann.do(t, "PUT", "/roles/team", object{"read": "own"}, "If-Match", made.Header.Get("ETag")).want(t, http.StatusOK)
	ann.do(t, "DELETE", "/accounts/ben", nil).want(t, http.StatusOK)
	ann.do(t, "DELETE", "/roles/team", nil).want(t, http.StatusNoContent)
	ann.do(t, "GET", "/roles/team", nil).refused(t, http.StatusNotFound, "not_found")
}

func TestAudit(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleOwner)
	made := read[issued](t, ann.do(t, "POST", "/tokens", newToken("ci")).want(t, http.StatusCreated))
	ann.do(t, "PATCH", "/tokens/"+made.Token.ID, object{"name": "<b>build</b>"}, "If-Match", "*").want(t, http.StatusOK)
	events := ann.do(t, "GET", "/events?action=token.update&actor=ann", nil).want(t, http.StatusOK)
	if p := read[page[admin.EventRecord]](t, events); len(p.Items) != 1 || p.Items[0].Subject != made.Token.ID || p.Items[0].Via != "api" {
		t.Errorf("got %s", events.body)
	}
	for query, want := range map[string]int{
		"subject=" + made.Token.ID: 2, "api=articles": 2, "actor=nobody": 0, "since=2999-01-01": 0, "until=2001-01-01T00:00:00Z": 0,
		"since=2001-01-01&action=token.create": 1,
	} {
		if p := read[page[admin.EventRecord]](t, ann.do(t, "GET", "/events?"+query, nil).want(t, http.StatusOK)); len(p.Items) != want {
			t.Errorf("%s: got %d events, want %d", query, len(p.Items), want)
		}
	}
	ann.do(t, "GET", "/events?action=nothing", nil).refused(t, http.StatusBadRequest, "invalid_parameter")
	for action, by := range map[string]string{"sign-in": "ann", "sign-in.refused": ""} {
		f.anyone().do(t, "POST", "/session", object{"name": "ann", "password": "wrong"}).refused(t, http.StatusUnauthorized, "sign_in_refused")
		events := ann.do(t, "GET", "/events?action="+action, nil).want(t, http.StatusOK)
		if p := read[page[admin.EventRecord]](t, events); p.Items[0].Actor != by || p.Items[0].Via != "api" {
			t.Errorf("got %s", events.body)
		}
	}
	for _, list := range []string{"events", "accounts", "roles", "sessions", "tokens"} {
		for _, cursor := range []string{"x", "YQ", "YWNjb3VudHM-"} {
			if list == "accounts" && cursor == "YWNjb3VudHM-" { // accounts>
				continue
			}
			ann.do(t, "GET", "/"+list+"?cursor="+cursor, nil).refused(t, http.StatusBadRequest, "invalid_cursor")
		}
	}

	exported := ann.do(t, "GET", "/events/export", nil).want(t, http.StatusOK)
	lines := 0
	for scanner := bufio.NewScanner(bytes.NewReader(exported.body)); scanner.Scan(); lines++ {
		var event any
		if err := json.Unmarshal(scanner.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range check(document().at("components", "schemas", "Event"), event, "") {
			t.Error(wrong)
		}
	}
	if p := read[page[admin.EventRecord]](t, ann.do(t, "GET", "/events?limit=500", nil)); lines != len(p.Items) || lines < 4 {
		t.Errorf("%d lines, %d events", lines, len(p.Items))
	}
	if strings.Contains(string(exported.body), *made.Secret) || strings.Contains(string(exported.body), password) {
		t.Error("a secret is in the audit trail")
	}
	empty := ann.do(t, "GET", "/events/export?actor=nobody", nil).want(t, http.StatusOK)
	if len(empty.body) != 0 {
		t.Errorf("got %s", empty.body)
	}
	head := ann.do(t, "HEAD", "/events/export", nil).want(t, http.StatusOK)
	if head.Header.Get("Content-Type") != "application/jsonl" || len(head.body) != 0 {
		t.Errorf("got %v", head.Header)
	}
}

func TestSessions(t *testing.T) {
	f := newFixture(t)
	one := f.member(t, "ann", admin.RoleMember)
	two := f.signIn(t, "ann")
	all := read[page[admin.SessionRecord]](t, one.do(t, "GET", "/sessions", nil).want(t, http.StatusOK))
	if len(all.Items) != 2 || all.Items[0].Current == all.Items[1].Current {
		t.Fatalf("got %+v", all.Items)
	}
	for _, session := range all.Items {
		if !session.Current {
			one.do(t, "DELETE", "/sessions/"+session.ID, nil).want(t, http.StatusNoContent)
			one.do(t, "DELETE", "/sessions/"+session.ID, nil).refused(t, http.StatusNotFound, "not_found")
		}
	}
	two.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	three := f.signIn(t, "ann")
	one.do(t, "DELETE", "/sessions", nil).want(t, http.StatusNoContent)
	three.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
	one.do(t, "GET", "/session", nil).want(t, http.StatusOK)

	// Somebody else's session is not there.
	_ = f.member(t, "ben", admin.RoleMember)
	his := read[page[admin.SessionRecord]](t, f.signIn(t, "ben").do(t, "GET", "/sessions", nil))
	one.do(t, "DELETE", "/sessions/"+his.Items[0].ID, nil).refused(t, http.StatusNotFound, "not_found")

	f.wait(admin.SessionIdle + time.Minute)
	one.do(t, "GET", "/session", nil).refused(t, http.StatusUnauthorized, "not_signed_in")
}
