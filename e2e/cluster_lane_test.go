package e2e

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// lane plans changes of tokens that nobody else changes, one after the other.
type lane struct {
	rng    *rand.Rand
	name   string
	most   int           // tokens at a time
	soon   time.Duration // how far away an expiry or the end of an overlap may be
	made   int           // tokens so far
	order  []string      // ids of those that are there
	tokens map[string]state
	given  []given // all secrets that there ever were
}

// given is a secret that clients have.
type given struct{ id, secret string }

func newLane(seed uint64, name string, most int, soon time.Duration) *lane {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &lane{
		rng: rand.New(rand.NewPCG(seed, h.Sum64())), name: name, most: most, soon: soon, tokens: map[string]state{},
	}
}

// plan returns the next change.
func (l *lane) plan(now time.Time) step {
	now = now.UTC().Truncate(time.Millisecond)
	if len(l.order) == 0 || len(l.order) < l.most && l.rng.IntN(4) == 0 {
		return l.planCreate(now)
	}
	id := l.order[l.rng.IntN(len(l.order))]
	s := step{ID: id, Name: l.tokens[id].token.Name, At: now, Seed: l.rng.Uint64()}
	switch n := l.rng.IntN(20); {
	case n < 6 || !l.tokens[id].token.Enabled && n < 12:
		s.Kind = "disable"
		if !l.tokens[id].token.Enabled {
			s.Kind = "enable"
		}
	case n < 10:
		s.Kind = "grants"
		s.Type, s.Grants = l.rights()
	case n < 12:
		s.Kind, s.Expiry = "expiry", l.expiry(now)
	case n < 13:
		s.Kind, s.Text = "describe", fmt.Sprintf("changed at %d", now.UnixMilli())
	case n < 18:
		s.Kind = "regenerate"
		if l.rng.IntN(2) == 0 {
			s.Overlap = l.ahead()
		}
		secret, _ := drawn(s.Seed)
		l.given = append(l.given, given{id, secret.Reveal()})
	default:
		s.Kind = "delete"
	}
	return s
}

func (l *lane) planCreate(now time.Time) step {
	l.made++
	s := step{Kind: "create", Name: fmt.Sprintf("%s-%d", l.name, l.made), At: now, Seed: l.rng.Uint64(), Expiry: l.expiry(now)}
	s.Type, s.Grants = l.rights()
	secret, id := drawn(s.Seed)
	s.ID = id
	l.given = append(l.given, given{id, secret.Reveal()})
	return s
}

func (l *lane) rights() (token.Type, []string) {
	all := []string{"article.create", "article.find"}
	switch l.rng.IntN(5) {
	case 0:
		return token.ReadOnly, nil
	case 1:
		return token.FullAccess, nil
	case 2:
		return token.Custom, all
	}
	return token.Custom, all[l.rng.IntN(2):][:1]
}

// expiry is none, most of the time.
func (l *lane) expiry(now time.Time) time.Time {
	if l.rng.IntN(3) > 0 {
		return time.Time{}
	}
	return now.Add(l.ahead())
}

func (l *lane) ahead() time.Duration {
	return (l.soon/10 + time.Duration(l.rng.Int64N(int64(l.soon)))).Truncate(time.Millisecond)
}

// now notes what a token is now.
func (l *lane) now(id string, s state) {
	l.order = slices.DeleteFunc(l.order, func(other string) bool { return other == id })
	delete(l.tokens, id)
	if s.there {
		l.order = append(l.order, id)
		l.tokens[id] = s
	}
}

// check holds the tokens of the lane against what the store has.
func (l *lane) check(all map[string]state) error {
	for _, id := range l.order {
		want, got := l.tokens[id], all[id]
		if !want.equal(&got) {
			return fmt.Errorf("an answered change is lost; the store has\n%v\nwant\n%v", &got, &want)
		}
	}
	for id, got := range all {
		if _, ok := l.tokens[id]; !ok && strings.HasPrefix(got.token.Name, l.name+"-") {
			return fmt.Errorf("the store has what was deleted or never made: %v", &got)
		}
	}
	return nil
}
