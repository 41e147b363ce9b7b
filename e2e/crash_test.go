package e2e

import (
	"syscall"
	"testing"
)

// TestLastUseAtShutdown stops a gateway long before it would write last-use
// times by itself: none is lost.
func TestLastUseAtShutdown(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			r := newREST(t, readyBinary(t), flushAtEnd...)
			r.start()
			r.create("used")
			for range 3 {
				r.wants(200, "GET", "/api/articles", r.bearer("used"))
			}
			r.wants(403, "POST", "/api/articles", r.bearer("used"))
			if got := r.show("used"); got.LastUsed != nil {
				t.Fatalf("last use was written at %v already; this test shows nothing", got.LastUsed)
			}
			if code := r.process.stop(signal); code != 0 {
				t.Errorf("the gateway ended with code %d", code)
			}
			if got := r.show("used"); got.LastUsed == nil || got.allowed() != 3 || got.Usage[0].Refused != 1 {
				t.Errorf("after the end: %+v; want 3 allowed, 1 refused", got)
			}
		})
	}
}

// TestCrash kills a gateway: last-use times since the last flush are gone, and
// nothing else.
func TestCrash(t *testing.T) {
	t.Run("between two flushes", func(t *testing.T) {
		r := newREST(t, readyBinary(t), flushAtEnd...)
		r.start()
		r.create("flushed")
		r.wants(200, "GET", "/api/articles", r.bearer("flushed"))
		r.process.stop(syscall.SIGTERM) // writes it
		before := r.show("flushed")
		if before.allowed() != 1 {
			t.Fatalf("the use was not written: %+v", before)
		}

		r.start()
		r.create("made")
		r.create("disabled")
		r.create("deleted")
		for _, name := range []string{"flushed", "made", "disabled", "deleted"} {
			r.wants(200, "GET", "/api/articles", r.bearer(name))
		}
		r.command("disable", "disabled")
		r.command("delete", "deleted", "--yes")
		r.process.kill()

		r.start()
		if got := r.show("flushed"); got.allowed() != 1 || !got.LastUsed.Equal(*before.LastUsed) {
			t.Errorf("what was written before the crash has changed: %+v; want %+v", got, before)
		}
		if got := r.show("made"); got.LastUsed != nil {
			t.Errorf("a use was written before its time: %+v", got)
		}
		r.wants(200, "GET", "/api/articles", r.bearer("flushed"))
		r.wants(200, "GET", "/api/articles", r.bearer("made"))
		r.wants(401, "GET", "/api/articles", r.bearer("disabled"))
		r.wants(401, "GET", "/api/articles", r.bearer("deleted"))
		r.hasNoSecret("what the backend got", r.wire.bytes())
		r.filesHaveNoSecret()
	})

	t.Run("after a flush", func(t *testing.T) {
		r := newREST(t, readyBinary(t), flushOften...)
		r.start()
		r.create("used")
		for range 5 {
			r.wants(200, "GET", "/api/articles", r.bearer("used"))
		}
		eventually(t, "all five are written", func() bool { return r.show("used").allowed() == 5 })
		before := r.show("used")
		r.process.kill()
		if got := r.show("used"); got.allowed() != 5 || !got.LastUsed.Equal(*before.LastUsed) {
			t.Errorf("after the crash: %+v; want %+v", got, before)
		}
		r.start()
		r.wants(200, "GET", "/api/articles", r.bearer("used"))
	})
}
