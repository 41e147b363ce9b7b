package e2e

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// gateways kills the gateway and starts it again. Before that it sends requests,
// whose use the gateway writes while the others change tokens.
func (k *kills) gateways() {
	rng := rand.New(rand.NewPCG(k.seed, 2))
	for k.more(killedGateway) {
		for end := time.Now().Add(time.Duration(rng.Int64N(int64(300 * time.Millisecond)))); time.Now().Before(end); {
			one := k.used.given[rng.IntN(len(k.used.given))]
			state := k.used.tokens[one.id]
			k.gateway.wants(state.verdict(token.Hash(one.secret), "GET", time.Now()), "GET", "/api/articles", "Authorization: Bearer "+one.secret)
		}
		k.gateway.process.kill()
		k.gateway.start()
		if err := k.look(k.used); err != nil {
			k.t.Errorf("after a kill of the gateway: %v", err)
		}
		time.Sleep(300 * time.Millisecond) // the others shall be killed more often
	}
}

// finish looks at everything once more when all are done, and asks the gateway
// about every secret that there ever was.
func (k *kills) finish() {
	k.t.Logf("kills: %d of writers, %d of commands, %d of the gateway; changes: %d answered, %d interrupted, of which %d were made and %d not",
		k.killed[killedWriter].Load(), k.killed[killedCommand].Load(), k.killed[killedGateway].Load(),
		k.answered.Load(), k.begun.Load(), k.made.Load(), k.lost.Load())
	if k.t.Failed() {
		return
	}
	asked, statuses := 0, map[int]int{}
	for _, l := range k.finished {
		if err := k.look(l); err != nil {
			k.t.Errorf("%s, at the end: %v", l.name, err)
		}
		for _, one := range l.given {
			state := l.tokens[one.id]
			want := state.verdict(token.Hash(one.secret), "GET", time.Now())
			eventually(k.t, "the gateway answers as the store has it", func() bool {
				return k.gateway.ask("GET", "/api/articles", "Authorization: Bearer "+one.secret).status == want
			})
			asked++
			statuses[want]++
		}
	}
	k.t.Logf("the gateway was right about %d secrets: %v", asked, statuses)
	for _, status := range []int{200, 401} {
		if statuses[status] == 0 {
			k.t.Errorf("no secret was answered with %d; this test shows too little", status)
		}
	}
	if k.begun.Load() == 0 {
		k.t.Error("no kill interrupted a change; this test shows nothing")
	}
}

// commands kills the command line.
func (k *kills) commands(name string) {
	l := newLane(k.seed, name, 12, time.Hour)
	for k.more(killedCommand) {
		s := l.plan(time.Now())
		if s.Kind == "expiry" || s.Kind == "describe" || !s.Expiry.IsZero() {
			s.Expiry = time.Now().UTC().Truncate(time.Millisecond).Add(time.Hour)
		}
		s.Overlap = 0
		l.given = slices.DeleteFunc(l.given, func(g given) bool { // it mints its own
			planned, _ := drawn(s.Seed)
			return g.secret == planned.Reveal()
		})
		if err := k.command(l, s, time.Duration(l.rng.Int64N(int64(120*time.Millisecond)))); err != nil {
			k.t.Errorf("%s: %+v: %v", name, s, err)
			return
		}
	}
	k.done(l)
}

// command runs a command and kills it a moment later, if it has not ended by then.
func (k *kills) command(l *lane, s step, moment time.Duration) error {
	p := start(k.t, k.gateway.dir, k.gateway.env, k.gateway.binary, append(arguments(s), "--config", k.gateway.config)...)
	select {
	case <-p.done:
	case <-time.After(moment):
	}
	p.kill()
	all, err := readAll(k.t.Context(), k.store)
	if err != nil {
		return err
	}
	before := l.tokens[s.ID]
	after := s.after(before)
	got := all[s.ID]
	if s.Kind == "create" {
		got = byName(all, s.Name)
	}
	after.adopt(&s, &before, &got)
	printed := p.out.String() // both streams: a secret alone in a line, and what was done
	switch code := p.cmd.ProcessState.ExitCode(); {
	case code > 0:
		return &commandError{printed}
	case code < 0 && printed == "": // killed, and it had not answered
		if err := k.interrupted(l, s, before, after, got); err != nil {
			return err
		}
	case !after.equal(&got):
		return &commandError{"it was answered, but the store has " + got.String() + "\nwant " + after.String()}
	default:
		k.answered.Add(1)
	}
	id := s.ID
	if s.Kind == "create" {
		id = got.token.ID
	}
	l.now(id, got)
	for line := range strings.Lines(printed) {
		if secret := strings.TrimSpace(line); strings.HasPrefix(secret, token.Prefix) {
			if _, ok := got.secrets[token.Hash(secret)]; !ok {
				return &commandError{"it printed a secret that the token does not have"}
			}
			l.given = append(l.given, given{id, secret})
		}
	}
	return k.look(l)
}

type commandError struct{ text string }

func (e *commandError) Error() string { return e.text }

func byName(all map[string]state, name string) state {
	for one := range maps.Values(all) {
		if one.token.Name == name {
			return one
		}
	}
	return state{}
}

// adopt takes from what is in the store what a command chose by itself: id, owner, times
// and the one new secret.
func (s *state) adopt(change *step, before, got *state) {
	if !got.there || !s.there {
		return
	}
	s.token.ID, s.token.Owner, s.token.Created, s.token.Updated = got.token.ID, got.token.Owner, got.token.Created, got.token.Updated
	if s.token.Expiry.IsZero() == got.token.Expiry.IsZero() {
		s.token.Expiry = got.token.Expiry
	}
	if change.Kind != "create" && change.Kind != "regenerate" {
		return
	}
	planned, _ := drawn(change.Seed)
	for digest, end := range got.secrets {
		if _, old := before.secrets[digest]; !old && end.IsZero() {
			delete(s.secrets, planned.Digest())
			s.secrets[digest], s.token.Hint = end, got.token.Hint
		}
	}
}

// arguments is the command line of a change.
func arguments(s step) []string {
	rights := []string{"--type", string(s.Type)}
	for _, grant := range s.Grants {
		rights = append(rights, "--grant", grant)
	}
	switch s.Kind {
	case "create":
		return append([]string{"api-tokens", "create", "--api", protected, "--name", s.Name, "--duration", s.duration()}, rights...)
	case "grants":
		return append([]string{"api-tokens", "update", s.ID}, rights...)
	case "expiry":
		return []string{"api-tokens", "update", s.ID, "--duration", s.duration()}
	case "describe":
		return []string{"api-tokens", "update", s.ID, "--description", s.Text}
	case "delete":
		return []string{"api-tokens", "delete", s.ID, "--yes"}
	}
	return []string{"api-tokens", s.Kind, s.ID}
}
