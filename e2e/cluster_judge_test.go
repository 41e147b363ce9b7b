package e2e

import (
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// TestJudge gives the judge answers that no gateway may give, and some that one may.
func TestJudge(t *testing.T) {
	begin := time.Now()
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	secret, id := drawn(1)
	create := step{Kind: "create", ID: id, Name: "a", Seed: 1, Type: token.Custom, Grants: []string{"article.find"}, At: begin}
	made := create.after(state{})
	with := func(before state, s step) state { return s.after(before) }
	disabled := with(made, step{Kind: "disable"})
	expires := with(made, step{Kind: "expiry", Expiry: at(20)})
	renewed := with(made, step{Kind: "regenerate", Seed: 2, At: at(20)})
	moved := with(made, step{Kind: "regenerate", Seed: 2, At: at(20), Overlap: 4 * time.Second})
	granted := with(made, step{Kind: "grants", Type: token.Custom, Grants: []string{"article.create"}})

	// The second state takes hold between 20 and 21.
	after := func(second state) *history {
		h := newHistory()
		h.tokens[id] = []*span{{to: at(1)}, {state: made, from: at(0), to: at(21)}, {state: second, from: at(20)}}
		return h
	}
	unanswered := newHistory()
	unanswered.tokens[id] = []*span{{state: made, from: at(0)}, {state: disabled, from: at(20)}}

	ends := newHistory()
	ends.tokens[id] = []*span{{state: expires, from: at(0)}}

	for _, c := range []struct {
		what    string
		history *history
		trouble period
		method  string
		start   float64
		status  int
		good    bool
	}{
		{what: "allowed while enabled", history: after(disabled), start: 19, status: 200, good: true},
		{what: "refused while enabled", history: after(disabled), start: 19, status: 401},
		{what: "refused for want of rights that it has", history: after(disabled), start: 19, status: 403},
		{what: "allowed without the right", history: after(disabled), method: "POST", start: 19, status: 200},
		{what: "refused without the right", history: after(disabled), method: "POST", start: 19, status: 403, good: true},
		{what: "an answer of no gate", history: after(disabled), start: 19, status: 502},
		{what: "allowed before it was made", history: after(disabled), start: -2, status: 200},
		{what: "refused before it was made", history: after(disabled), start: -2, status: 401, good: true},
		{what: "refused soon after it was made", history: after(disabled), start: 1.5, status: 401, good: true},
		{what: "refused long after it was made", history: after(disabled), start: 2.5, status: 401},
		{what: "allowed during the change", history: after(disabled), start: 20.5, status: 200, good: true},
		{what: "refused during the change", history: after(disabled), start: 20.5, status: 401, good: true},
		{what: "allowed within the bound", history: after(disabled), start: 21.9, status: 200, good: true},
		{what: "allowed after the bound", history: after(disabled), start: 22.1, status: 200},
		{what: "refused after the bound", history: after(disabled), start: 22.1, status: 401, good: true},
		{what: "allowed in trouble", history: after(disabled), trouble: period{at(21), at(23)}, start: 23, status: 200, good: true},
		{what: "allowed after trouble", history: after(disabled), trouble: period{at(19), at(20)}, start: 23, status: 200, good: true},
		{what: "allowed in trouble after the bound", history: after(disabled), trouble: period{from: at(21)}, start: 25.1, status: 200},
		{what: "allowed long after trouble", history: after(disabled), trouble: period{at(15), at(16)}, start: 23, status: 200},
		{what: "allowed when it has expired", history: ends, start: 20, status: 200},
		{what: "allowed in trouble when it has expired", history: ends, trouble: period{from: at(1)}, start: 20, status: 200},
		{what: "allowed just before it expires", history: ends, start: 19.999, status: 200, good: true},
		{what: "refused when it expires meanwhile", history: ends, start: 19.999, status: 401, good: true},
		{what: "refused before it expires", history: ends, start: 19.9, status: 401},
		{what: "refused when it has expired", history: after(expires), start: 22.1, status: 401, good: true},
		{what: "allowed in trouble that hides the expiry", history: after(expires), trouble: period{from: at(1)}, start: 24.1, status: 200, good: true},
		{what: "allowed with the old secret", history: after(renewed), start: 22.1, status: 200},
		{what: "allowed with the old secret in the overlap", history: after(moved), start: 23.9, status: 200, good: true},
		{what: "refused with the old secret in the overlap", history: after(moved), start: 23.8, status: 401},
		{what: "allowed with the old secret after the overlap", history: after(moved), start: 24.1, status: 200},
		{what: "allowed with the grant before", history: after(granted), start: 22.1, status: 200},
		{what: "401 instead of 403", history: after(granted), start: 22.1, status: 401},
		{what: "403 after the grant went", history: after(granted), start: 22.1, status: 403, good: true},
		{what: "allowed while nobody knows", history: unanswered, start: 50, status: 200, good: true},
		{what: "refused while nobody knows", history: unanswered, start: 50, status: 401, good: true},
		{what: "503 for no reason", history: after(disabled), start: 19, status: 503},
		{what: "503 in trouble", history: after(disabled), trouble: period{at(18), at(20)}, start: 19, status: 503, good: true},
		{what: "503 long after trouble", history: after(disabled), trouble: period{at(10), at(11)}, start: 19, status: 503},
	} {
		j := judge{history: c.history, trouble: []*trouble{{}}, cacheTTL: time.Second, staleIfError: 3 * time.Second}
		if !c.trouble.from.IsZero() {
			j.trouble[0].times = []period{c.trouble}
		}
		if c.method == "" {
			c.method = "GET"
		}
		r := call{id: id, secret: secret.Reveal(), method: c.method, start: at(c.start), end: at(c.start + 0.05), status: c.status, retryAfter: "1"}
		if err := j.judge(&r); (err == nil) != c.good {
			t.Errorf("%s: the judge says %v", c.what, err)
		}
		if r.retryAfter = ""; c.status == 503 && j.judge(&r) == nil {
			t.Errorf("%s: the judge wants no Retry-After", c.what)
		}
		if r.id, r.status = "", 200; j.judge(&r) == nil {
			t.Errorf("%s: the judge lets a secret of nobody in", c.what)
		}
	}
}
