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
