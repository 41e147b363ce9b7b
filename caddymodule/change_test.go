package caddymodule

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// Invariant 4, on the gateway that makes the change: it holds with the next
// request, for tokens that the cache has in hand. cache_ttl is an hour, so
// nothing but the change itself can make it hold.
func TestChangeHoldsWithTheNextRequest(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, nil)
	ctx := context.Background()
	service := g.manage()
	finder := g.tokens["finder"]
	status := func(want int, headers ...string) {
		t.Helper()
		if len(headers) == 0 {
			headers = []string{g.bearer("finder")}
		}
		for range 2 { // the second comes from the cache
			if a := g.ask("GET", "/api/articles", headers...); a.status != want {
				t.Errorf("got %v; want %d", a, want)
			}
		}
	}
	for range 10 {
		status(200)
		if _, err := service.SetEnabled(ctx, operator, finder.id, 0, false); err != nil {
			t.Fatal(err)
		}
		status(401)
		if _, err := service.SetEnabled(ctx, operator, finder.id, 0, true); err != nil {
			t.Fatal(err)
		}
		status(200)
		grants := []string{"article.create"}
		if _, err := service.Update(ctx, operator, finder.id, admin.Edit{Grants: &grants}); err != nil {
			t.Fatal(err)
		}
		status(403)
		grants = []string{"article.*"}
		if _, err := service.Update(ctx, operator, finder.id, admin.Edit{Grants: &grants}); err != nil {
			t.Fatal(err)
		}
	}
	status(200)
	_, secret, err := service.Regenerate(ctx, operator, finder.id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	status(401)
	renewed := "Authorization: Bearer " + secret.Reveal()
	status(200, renewed)
	if _, err := service.Delete(ctx, operator, finder.id, 0); err != nil {
		t.Fatal(err)
	}
	status(401, renewed)

	status(401, g.bearer("unknown")) // now known to be unknown
	made, secret, err := service.Create(ctx, operator, admin.NewToken{API: "articles", Name: "new", Type: token.FullAccess, Duration: "1h"})
	if err != nil {
		t.Fatal(err)
	}
	status(200, "Authorization: Bearer "+secret.Reveal())
	if n := len(b.take()); n != 10*4+2+2+2 {
		t.Errorf("the backend got %d requests", n)
	}
	if _, err := service.Delete(ctx, operator, made.ID, 0); err != nil {
		t.Fatal(err)
	}
	status(401, "Authorization: Bearer "+secret.Reveal())
}

// Invariant 4, for another process: here the command line. The promise is a
// second; the test takes the time and fails only if it never holds.
func TestChangeByAnotherProcessHolds(t *testing.T) {
	g := newArticles(t, startBackend(t, ""), nil)
	file := filepath.Join(g.dir, "Caddyfile")
	write(t, file, "{\n\tapi_tokens {\n\t\tstore sqlite "+filepath.Join(g.dir, "tokens.db")+"\n\t}\n}\n")
	for _, step := range []struct {
		command string
		want    int
	}{{"disable", 401}, {"enable", 200}, {"delete", 401}} {
		if a := g.ask("GET", "/x", g.bearer("full")); (a.status == 200) == (step.want == 200) {
			t.Fatalf("before %s: %v", step.command, a)
		}
		args := []string{"api-tokens", step.command, g.tokens["full"].id, "--config", file}
		if step.command == "delete" {
			args = append(args, "--yes")
		}
		cmd := exec.Command("caddy", args...)
		cmd.Env = append(os.Environ(), "HOME="+g.dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		began := time.Now()
		eventually(t, step.command+" holds", func() bool { return g.ask("GET", "/x", g.bearer("full")).status == step.want })
		t.Logf("%s held %v after the command had ended", step.command, time.Since(began).Round(time.Millisecond))
	}
}
