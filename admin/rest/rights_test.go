package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// matrix is what each role gets for each action, on what is its own and on what
// is somebody else's. {own} and {other} are ids of tokens, {acting} that of a
// disabled one that acts for somebody else. clerk is a role that
// was added: it reads all tokens, and changes its own.
const matrix = `
                                                  owner manager member auditor clerk
GET    /tokens/{own}                              200   200     200    200     200
GET    /tokens/{other}                            200   200     404    200     200
GET    /tokens/{own}/secrets                      200   200     200    200     200
GET    /tokens/{other}/secrets                    200   200     404    200     200
GET    /tokens/{own}/usage                        200   200     200    200     200
GET    /tokens/{other}/usage                      200   200     404    200     200
GET    /tokens/{own}/usage/permissions            200   200     200    200     200
GET    /tokens/{other}/usage/permissions          200   200     404    200     200
GET    /tokens/{own}/events                       200   200     200    200     200
GET    /tokens/{other}/events                     200   200     404    200     200
POST   /tokens/{own}/explain                      200   200     200    200     200
POST   /tokens/{other}/explain                    200   200     404    200     200
PATCH  /tokens/{own}                              200   200     200    403     200
PATCH  /tokens/{other}                            200   200     404    403     403
POST   /tokens/{own}/enable                       200   200     200    403     200
POST   /tokens/{other}/enable                     200   200     404    403     403
POST   /tokens/{own}/disable                      200   200     200    403     200
POST   /tokens/{other}/disable                    200   200     404    403     403
POST   /tokens/{own}/regenerate                   200   200     200    403     403
POST   /tokens/{other}/regenerate                 200   200     404    403     403
DELETE /tokens/{own}                              204   204     204    403     403
DELETE /tokens/{other}                            204   204     404    403     403
PATCH  /tokens/{acting}                           200   200     404    403     403
PATCH  /tokens/{acting} grants                    403   403     404    403     403
PATCH  /tokens/{acting} type                      403   403     404    403     403
PATCH  /tokens/{acting} duration                  403   403     404    403     403
POST   /tokens/{acting}/enable                    403   403     404    403     403
POST   /tokens/{acting}/disable                   200   200     404    403     403
POST   /tokens/{acting}/regenerate                403   403     404    403     403
DELETE /tokens/{acting}                           204   204     404    403     403
POST   /tokens for-me                             201   201     201    403     201
POST   /tokens for-other                          201   201     403    403     403
POST   /tokens/import for-me                      201   201     201    403     201
POST   /tokens/import for-other                   201   201     403    403     403
GET    /tokens                                    200   200     200    200     200
GET    /apis                                      200   200     200    200     200
GET    /apis/articles                             200   200     200    200     200
GET    /tokens/{own}/draft                        200   200     200    200     200
GET    /tokens/{other}/draft                      200   200     404    200     200
DELETE /tokens/{own}/draft                        204   204     204    403     204
DELETE /tokens/{other}/draft                      204   204     404    403     403
GET    /apis/articles/drafts own                  200   200     200    200     200
GET    /apis/articles/drafts other                200   200     200    200     200
POST   /apis/articles/drafts/update own           200   200     200    403     200
POST   /apis/articles/drafts/update other         200   200     403    403     409
POST   /apis/articles/drafts/discard own          200   200     200    403     200
POST   /apis/articles/drafts/discard other        200   200     403    403     409
GET    /account                                   200   200     200    200     200
GET    /accounts                                  200   403     403    200     403
GET    /accounts/{me}                             200   200     200    200     200
GET    /accounts/ben                              200   404     404    200     404
POST   /accounts                                  201   403     403    403     403
PATCH  /accounts/ben                              200   403     403    403     403
DELETE /accounts/ben?delete_tokens=true           200   403     403    403     403
GET    /roles                                     200   403     403    200     403
GET    /roles/{role}                              200   200     200    200     200
GET    /roles/spare                               200   404     404    200     404
POST   /roles                                     201   403     403    403     403
PUT    /roles/spare                               200   403     403    403     403
POST   /roles/spare/overreach                     200   403     403    403     403
DELETE /roles/spare                               204   403     403    403     403
GET    /sessions                                  200   200     200    200     200
GET    /sessions?account=ben                      200   404     404    404     404
GET    /sessions?account=*                        200   404     404    404     404
DELETE /sessions?account=ben                      204   404     404    404     404
GET    /events                                    200   403     403    200     403
GET    /events/export                             200   403     403    200     403
DELETE /sessions                                  204   204     204    204     204
`

// TestRightsMatrix: every role × action × own and other, by a session and by a
// token that acts for the same account.
func TestRightsMatrix(t *testing.T) {
	lines := strings.Split(strings.Trim(matrix, "\n"), "\n")
	for column, role := range strings.Fields(lines[0]) {
		t.Run(role, func(t *testing.T) {
			m := newMatrix(t, role)
			for _, line := range lines[1:] {
				words := strings.Fields(line)
				statuses := words[len(words)-5:]
				var want int
				_, _ = fmt.Sscan(statuses[column], &want)
				for _, who := range []*client{m.session, m.script} {
					m.restore(t)
					got := m.ask(t, who, words[0], words[1], words[2:len(words)-5])
					if got.StatusCode != want {
						t.Errorf("%s by token %v: got %d, want %d: %s", strings.Join(words[:len(words)-5], " "), who == m.script, got.StatusCode, want, got.body)
					}
				}
			}
			if n := m.f.failed.Load(); n > 0 {
				t.Errorf("%d technical failures", n)
			}
		})
	}
}

// cells is a fixture for the cells of one role.
type cells struct {
	f               *fixture
	role            string
	session, script *client
	own, other      token.Token
	acting          token.Token // for ben
	count           int
}

func newMatrix(t *testing.T, role string) *cells {
	f := newFixture(t)
	clerk := store.Role{Name: "clerk", Read: store.All, Create: store.Own, Update: store.Own, Regenerate: store.None, Delete: store.None}
	if _, err := f.CreateRole(t.Context(), operator, clerk); err != nil {
		t.Fatal(err)
	}
	m := &cells{f: f, role: role, session: f.member(t, "ann", role)}
	m.script = f.scriptOf(t, "ann")
	return m
}

// restore brings back what the cell before changed.
func (m *cells) restore(t *testing.T) {
	t.Helper()
	ctx, f := t.Context(), m.f
	m.count++
	if _, err := f.Account(ctx, operator, "ben"); err != nil {
		if _, _, err := f.CreateAccount(ctx, operator, admin.NewAccount{Name: "ben", Role: admin.RoleMember, Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Role(ctx, operator, "spare"); err != nil {
		none := store.None
		if _, err := f.CreateRole(ctx, operator, store.Role{Name: "spare", Read: none, Create: none, Update: none, Regenerate: none, Delete: none}); err != nil {
			t.Fatal(err)
		}
	}
	for owner, made := range map[string]*token.Token{"ann": &m.own, "ben": &m.other} {
		if _, err := f.Find(ctx, operator, "", made.ID); err != nil || made.ID == "" {
			*made = f.token(t, owner, fmt.Sprintf("%s %d", owner, m.count))
		}
	}
	if _, err := f.Find(ctx, operator, "", m.acting.ID); err != nil || m.acting.ID == "" {
		m.acting = f.disabledScript(t, "ben", fmt.Sprintf("acting %d", m.count))
	}
}

// disabledScript makes a token that would act for its owner, were it not disabled.
func (f *fixture) disabledScript(t *testing.T, owner, name string) token.Token {
	t.Helper()
	made, _, err := f.Create(t.Context(), operator, admin.NewToken{
		API: admin.ManagementAPI, Name: name, Type: token.Custom, Duration: "7d", Grants: []string{"token.read"}, Owner: owner,
	})
	if err != nil {
		t.Fatal(err)
	}
	if made, err = f.SetEnabled(t.Context(), operator, made.ID, 0, false); err != nil {
		t.Fatal(err)
	}
	return made
}

func (m *cells) ask(t *testing.T, who *client, method, path string, more []string) answer {
	t.Helper()
	path = strings.NewReplacer("{own}", m.own.ID, "{other}", m.other.ID, "{acting}", m.acting.ID, "{me}", "ann", "{role}", m.role).Replace(path)
	name := fmt.Sprintf("made %d", m.count)
	owner := "ann"
	if len(more) > 0 && more[0] == "for-other" {
		owner = "ben"
	}
	headers := []string{"If-Match", "*"}
	if strings.Contains(path, "/draft") {
		seen := m.drafted(t, strings.Contains(path, m.other.ID) || len(more) > 0 && more[0] == "other")
		if strings.Contains(path, "/drafts") {
			headers[1] = seen
		}
	}
	var body any
	switch shape := method + " " + strings.NewReplacer(m.own.ID, "{}", m.other.ID, "{}", m.acting.ID, "{}").Replace(path); shape {
	case "POST /tokens/{}/explain":
		body = object{"method": "GET", "path": "/api/articles/42"}
	case "PATCH /tokens/{}":
		body = changed(more, name)
	case "POST /tokens":
		body = newToken(name, object{"owner": owner})
	case "POST /tokens/import":
		body = newToken(name, object{"owner": owner, "secret": fmt.Sprintf("minted-elsewhere-%06d", m.count)})
	case "POST /accounts":
		body = object{"name": fmt.Sprintf("made%d", m.count), "role": "member"} // a token sets no password
	case "PATCH /accounts/ben":
		body = object{"enabled": true}
	case "POST /roles":
		body = object{"name": fmt.Sprintf("made%d", m.count), "read": "own"}
	case "PUT /roles/spare", "POST /roles/spare/overreach":
		body = object{"read": "own", "create": "own"}
	}
	return who.do(t, method, path, body, headers...)
}

// drafted sees to it that there is one draft, of one token, and returns what it is seen by.
func (m *cells) drafted(t *testing.T, other bool) string {
	t.Helper()
	ctx, f, api, id := t.Context(), m.f, "articles", m.own.ID
	if other {
		id = m.other.ID
	}
	before, err := f.Drafts(ctx, operator, api, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.DiscardAPI(ctx, operator, api, before.Seen); err != nil {
		t.Fatal(err)
	}
	f.stage(t, api, true)
	if _, err := f.Update(ctx, operator, id, admin.Edit{Description: new(fmt.Sprint("drafted ", m.count))}); err != nil {
		t.Fatal(err)
	}
	f.stage(t, api, false) // drafts stay
	present, err := f.Drafts(ctx, operator, api, 0)
	if err != nil || len(present.Drafts) != 1 {
		t.Fatal(err, present)
	}
	return `"` + present.Seen + `"`
}

// changed is an edit of the field, or of the description.
func changed(field []string, description string) object {
	edits := map[string]any{"grants": []string{"account.manage"}, "type": "full-access", "duration": "unlimited"}
	if len(field) == 0 {
		return object{"description": description}
	}
	return object{field[0]: edits[field[0]]}
}

// A token of somebody else answers like one that is not there.
func TestUnreadableTokenIsNotThere(t *testing.T) {
	f := newFixture(t)
	ann := f.member(t, "ann", admin.RoleMember)
	_ = f.member(t, "ben", admin.RoleMember)
	other := f.token(t, "ben", "his")
	gone := f.token(t, "ann", "gone")
	if _, err := f.Delete(t.Context(), operator, gone.ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		there := ann.do(t, method, "/tokens/"+other.ID, patchBody(method), "If-Match", "*").refused(t, http.StatusNotFound, "not_found")
		not := ann.do(t, method, "/tokens/"+gone.ID, patchBody(method), "If-Match", "*").refused(t, http.StatusNotFound, "not_found")
		if strings.ReplaceAll(there.Detail, other.ID, gone.ID) != not.Detail {
			t.Errorf("%s tells them apart: %q, %q", method, there.Detail, not.Detail)
		}
	}
}

func patchBody(method string) any {
	if method == "PATCH" {
		return object{"description": "new"}
	}
	return nil
}

// A token acts for its owner, never beyond its own permissions.
func TestScriptIsBoundToItsToken(t *testing.T) {
	f := newFixture(t)
	_ = f.member(t, "ann", admin.RoleOwner)
	script := f.scriptOf(t, "ann", "token.read", "token.create")
	script.do(t, "GET", "/tokens", nil).want(t, http.StatusOK)
	made := read[issued](t, script.do(t, "POST", "/tokens", newToken("made")).want(t, http.StatusCreated))
	if made.Token.Owner != "ann" {
		t.Errorf("owner is %q", made.Token.Owner)
	}
	p := script.do(t, "DELETE", "/tokens/"+made.Token.ID, nil).refused(t, http.StatusForbidden, "missing_permission")
	if p.Permission != "token.delete" {
		t.Errorf("permission is %q", p.Permission)
	}
	own := newToken("mightier", object{"api": admin.ManagementAPI, "grants": []string{"account.manage"}, "duration": "7d"})
	p = script.do(t, "POST", "/tokens", own).refused(t, http.StatusUnprocessableEntity, "invalid_fields")
	if p.Errors[0].Field != "grants" {
		t.Errorf("errors are %v", p.Errors)
	}
	who := script.do(t, "GET", "/session", nil)
	who.refused(t, http.StatusForbidden, "missing_permission") // not in the catalog
	if event := read[page[admin.EventRecord]](t, f.signIn(t, "ann").do(t, "GET", "/events?action=token.create&api=articles", nil)); len(event.Items) != 1 ||
		event.Items[0].Via != "api" || event.Items[0].Actor != "ann" || !token.IsID(event.Items[0].Token) {
		t.Errorf("events are %+v", event.Items)
	}
}

// A role that changes holds for its members with their next request.
func TestRoleChangesWhileMemberWorks(t *testing.T) {
	f := newFixture(t)
	owner := f.member(t, "ann", admin.RoleOwner)
	owner.do(t, "POST", "/roles", object{"name": "team", "read": "own", "create": "own", "update": "own"}).want(t, http.StatusCreated)
	ben := f.member(t, "ben", "team")
	made := read[issued](t, ben.do(t, "POST", "/tokens", newToken("ben's", object{"type": "full-access", "grants": []string{}})).want(t, http.StatusCreated))

	shrunk := object{"read": "own", "ceiling": object{"apis": []string{"articles"}, "types": []string{"read-only"}, "grants": nil}}
	over := read[page[admin.Record]](t, owner.do(t, "POST", "/roles/team/overreach", shrunk).want(t, http.StatusOK))
	if len(over.Items) != 1 || over.Items[0].ID != made.Token.ID || !over.Items[0].Enabled {
		t.Errorf("overreach is %+v", over.Items)
	}
	ben.do(t, "PATCH", "/tokens/"+made.Token.ID, object{"description": "still"}, "If-Match", `"1"`).want(t, http.StatusOK)

	shrunk["disable_overreach"] = true
	role := owner.do(t, "GET", "/roles/team", nil).want(t, http.StatusOK)
	changed := read[struct{ Overreach []admin.Record }](t,
		owner.do(t, "PUT", "/roles/team", shrunk, "If-Match", role.Header.Get("ETag")).want(t, http.StatusOK))
	if len(changed.Overreach) != 1 || changed.Overreach[0].Enabled {
		t.Errorf("overreach is %+v", changed.Overreach)
	}
	ben.do(t, "PATCH", "/tokens/"+made.Token.ID, object{"description": "no more"}, "If-Match", "*").refused(t, http.StatusForbidden, "forbidden")
	ben.do(t, "POST", "/tokens", newToken("another")).refused(t, http.StatusForbidden, "forbidden")
	owner.do(t, "PUT", "/roles/team", object{"read": "own"}, "If-Match", role.Header.Get("ETag")).refused(t, http.StatusPreconditionFailed, "version_mismatch")
}

// Who manages accounts, but no tokens of others, is told how many are mightier and no more.
func TestOverreachThatIsNotSeen(t *testing.T) {
	f := newFixture(t)
	for _, role := range []store.Role{
		{Name: "hr", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.None, Delete: store.None, Accounts: true},
		{Name: "team", Read: store.Own, Create: store.Own, Update: store.Own, Regenerate: store.None, Delete: store.None},
	} {
		if _, err := f.CreateRole(t.Context(), operator, role); err != nil {
			t.Fatal(err)
		}
	}
	hank := f.member(t, "hank", "hr")
	_ = f.member(t, "ben", "team")
	_ = f.token(t, "ben", "bens secret plan")
	smaller := object{"read": "own"}
	asked := hank.do(t, "POST", "/roles/team/overreach", smaller).want(t, http.StatusOK)
	told := hank.do(t, "PATCH", "/accounts/ben", object{"role": "team", "dry_run": true}, "If-Match", "*").want(t, http.StatusOK)
	if n := read[struct{ Unseen int }](t, asked).Unseen; n != 1 || strings.Contains(string(asked.body), "plan") {
		t.Errorf("asked: %s", asked.body)
	}
	if !strings.Contains(string(told.body), `"overreach_unseen":0`) {
		t.Errorf("told: %s", told.body)
	}
	hank.do(t, "PUT", "/roles/team", object{"read": "own", "disable_overreach": true}, "If-Match", "*").refused(t, http.StatusForbidden, "forbidden")
	saved := hank.do(t, "PUT", "/roles/team", smaller, "If-Match", "*").want(t, http.StatusOK)
	if n := read[struct {
		Unseen int `json:"overreach_unseen"`
	}](t, saved).Unseen; n != 1 || strings.Contains(string(saved.body), "plan") {
		t.Errorf("saved: %s", saved.body)
	}
}
