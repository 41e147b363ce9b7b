package ui_test

import (
	"net/http"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// Who asks too often is refused before the store is read, by account where there is
// one, so that strangers behind the same address lock out nobody who is signed in.
func TestRateLimit(t *testing.T) {
	slow := func(burst int) rest.Rate { return rest.Rate{PerSecond: 0.001, Burst: burst} }
	f := newLimitedSite(t, slow(3), slow(4))
	member, manager := f.as(t, "member"), f.as(t, "manager")
	for range 3 {
		if got := member.get("/account"); got.status != http.StatusOK {
			t.Fatal(got.status, got.text)
		}
	}
	if got := member.get("/account"); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d", got.status)
	}
	stranger := &browser{t: t, f: f}
	for _, path := range []string{"/sign-in", "/set-up", "/tokens", "/audit/export"} {
		stranger.get(path)
	}
	for _, path := range []string{"/sign-in", "/set-up", "/tokens", "/audit/export"} {
		if got := stranger.get(path); got.status != http.StatusTooManyRequests {
			t.Errorf("%s as often as one likes: %d", path, got.status)
		}
	}
	if got := manager.get("/account"); got.status != http.StatusOK {
		t.Errorf("another account of the address got %d", got.status)
	}
}
