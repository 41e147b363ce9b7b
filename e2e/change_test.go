package e2e

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var interrupt os.Signal = syscall.SIGTERM

// expired makes tokens that end soon. A request that is sent at or after that
// moment is refused; one that was answered before it is not. A machine can be so
// slow that no request comes before it: then the next token gets longer.
func (r *rest) expired(t *testing.T) {
	for span := time.Second; ; span *= 2 {
		if span > patience {
			t.Fatal("no token could be used before it expired")
		}
		name := "expires-" + strconv.Itoa(int(span/time.Second))
		expiry := time.Now().Add(span).Truncate(time.Millisecond)
		secret, problem, code := r.try("create", "--api", "articles", "--name", name, "--duration", expiry.UTC().Format(time.RFC3339Nano))
		if code != 0 {
			if !strings.Contains(problem, "in the past") {
				t.Fatal(problem)
			}
			continue
		}
		r.keep(name, secret)
		worked := false
		for late := false; !late; time.Sleep(5 * time.Millisecond) {
			late = !time.Now().Before(expiry)
			got := r.ask("GET", "/api/articles", r.bearer(name)).status
			early := time.Now().Before(expiry)
			if early && got != 200 || late && got != 401 {
				t.Fatalf("got %d; the request was answered before the expiry: %v, was sent after it: %v", got, early, late)
			}
			worked = worked || got == 200
		}
		if status := r.show(name).Status; status != "expired" {
			t.Errorf("the status is %s", status)
		}
		if worked {
			return
		}
	}
}

// stops waits until the gateway has seen a change that another process made,
// and expects that from then on it is not forgotten again. The promise is a
// second; how long it took is logged, not judged, since a busy machine may be late.
func (r *rest) stops(t *testing.T, name string, status int) {
	t.Helper()
	begin := time.Now()
	eventually(t, name+" stops", func() bool { return r.ask("GET", "/api/articles", r.bearer(name)).status == status })
	t.Logf("%s stopped %v after the command had ended", name, time.Since(begin).Round(time.Millisecond))
	before := len(r.wire.bytes())
	for range 20 {
		r.wants(status, "GET", "/api/articles", r.bearer(name))
	}
	if got := r.wire.bytes()[before:]; got != "" {
		t.Errorf("the backend got requests with a token that had stopped: %q", got)
	}
}

func (r *rest) disabled(t *testing.T) {
	r.create("switched")
	r.wants(200, "GET", "/api/articles", r.bearer("switched"))
	r.command("disable", "switched")
	r.stops(t, "switched", 401)
	r.command("enable", "switched")
	eventually(t, "switched works again", func() bool { return r.ask("GET", "/api/articles", r.bearer("switched")).status == 200 })
}

func (r *rest) regenerated(t *testing.T) {
	r.create("renewed")
	r.wants(200, "GET", "/api/articles", r.bearer("renewed"))
	r.keep("renewed, second secret", r.command("regenerate", "renewed"))
	r.stops(t, "renewed", 401)
	r.wants(200, "GET", "/api/articles", r.bearer("renewed, second secret"))
}

func (r *rest) overlap(t *testing.T) {
	r.create("moved")
	r.wants(200, "GET", "/api/articles", r.bearer("moved"))
	r.keep("moved, second secret", r.command("regenerate", "moved", "--overlap", "1h"))
	r.wants(200, "GET", "/api/articles", r.bearer("moved, second secret"))
	r.wants(200, "GET", "/api/articles", r.bearer("moved"))
	r.command("delete", "moved", "--yes")
	r.stops(t, "moved", 401)
	r.stops(t, "moved, second secret", 401)
}

func (r *rest) changed(t *testing.T) {
	r.create("narrowed", "--grant", "article.find")
	r.wants(200, "GET", "/api/articles", r.bearer("narrowed"))
	r.command("update", "narrowed", "--grant", "article.find_one")
	r.stops(t, "narrowed", 403)
	r.wants(200, "GET", "/api/articles/3", r.bearer("narrowed"))
}

func (r *rest) deleted(t *testing.T) {
	r.create("gone")
	r.wants(200, "GET", "/api/articles", r.bearer("gone"))
	r.command("delete", "gone", "--yes")
	r.stops(t, "gone", 401)
	if _, problem, code := r.try("show", "gone"); code != 1 || !strings.Contains(problem, "not found") {
		t.Errorf("show ended with code %d: %s", code, problem)
	}
}
