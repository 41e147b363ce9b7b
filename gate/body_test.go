package gate

import (
	"errors"
	"io"
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// unread is a body that notes whether anybody looks into it.
type unread struct{ looked bool }

func (u *unread) Read([]byte) (int, error) {
	u.looked = true
	return 0, errors.New("nobody should read this")
}

// Security rule 8: what the method and the path don't allow, no body allows,
// whatever it says that it is. It is not even read: refusing costs no more than
// the head of a request.
func TestNoBodyMakesMoreAllowed(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(1), newToken("reader", token.ReadOnly))
	store.put(mint(2), newToken("finder", token.Custom, "article.find"))
	disabled := newToken("disabled", token.FullAccess)
	disabled.Enabled = false
	store.put(mint(3), disabled)
	g := newGate(t, store, hostileSources(t), articles(t))
	for i, want := range map[uint64]Reason{1: MissingPermission, 2: MissingPermission, 3: DisabledToken, 4: UnknownToken} {
		for _, kind := range []string{
			"", "application/json", "application/graphql", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
			"text/plain", "application/json, multipart/form-data",
		} {
			for _, path := range []string{"/api/articles", "/graphql"} {
				r := mustParse(t, path, "Authorization: Bearer "+mint(i), "Content-Type: "+kind)
				body := &unread{}
				r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(body), 1000
				if d := g.Check(r); d.Reason != want {
					t.Errorf("token %d, %s as %q: %q, want %q", i, path, kind, d.Reason, want)
				}
				if body.looked {
					t.Errorf("token %d, %s as %q: the body was read", i, path, kind)
				}
			}
		}
	}
}

// A body that decides is read once all tokens of the request are good: strangers make
// no gate read, or hold, any of it.
func TestNoBodyIsReadForStrangers(t *testing.T) {
	g := newKintone(t)
	for name, tokens := range map[string][]string{
		"none": nil, "unknown": {mint(99)}, "one of two unknown": {mint(seven), mint(99)}, "junk": {"junk"}, "two of one app": {mint(seven), mint(viewer)},
	} {
		for _, path := range []string{"/k/v1/record.json", "/k/v1/bulkRequest.json"} {
			r := mustParse(t, path, "Content-Type: application/json")
			r.Header["X-Cybozu-Api-Token"] = tokens
			body := &unread{}
			r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(body), 1000
			if d := g.Check(r); d.Reason.Allows() || d.Reason == "" || d.ReadBody != nil || body.looked {
				t.Errorf("%s, %s: %q, and the body is to be read: %v", name, path, d.Reason, d.ReadBody != nil)
			}
		}
	}
	r := mustParse(t, "/k/v1/record.json", "Content-Type: application/json", "X-Cybozu-Api-Token: "+mint(seven))
	r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(&unread{}), 1000
	if d := g.Check(r); d.ReadBody == nil {
		t.Errorf("of a good token it is not read: %q", d.Reason)
	}
}
