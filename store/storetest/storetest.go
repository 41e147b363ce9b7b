// Package storetest is the suite that every driver of package store passes. It
// says what the contract means; a driver's own tests are about its files,
// connections and failures.
package storetest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Subject is a store under test and what the suite can't do through the contract.
type Subject struct {
	// Store is empty and belongs to one test.
	Store store.Store
	// Second opens another handle on the same data, as another process would.
	Second func(t *testing.T) store.Store
	// Another opens a store of its own, which is empty.
	Another func(t *testing.T) store.Store
	// Spoil gives the token with this id, and its draft, a type that nobody knows.
	Spoil func(t *testing.T, id string)
}

// Run tests the stores that open returns. They are closed by whoever opened
// them, at the end of the test that they were opened for.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"tokens", tokenTests},
		{"many at once", bulkTests},
		{"secrets", secretTests},
		{"change", changeTests},
		{"use", useTests},
		{"use per permission", permissionUseTests},
		{"prune", pruneTests},
		{"clock", clockTests},
		{"move", moveTests},
		{"drafts", draftTests},
		{"catalogs", catalogTests},
		{"gateways", gatewayTests},
		{"pages", pageTests},
		{"accounts", accountTests},
		{"roles", roleTests},
		{"sessions", sessionTests},
		{"events", eventTests},
		{"watch", watchTests},
		{"failures", failureTests},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					test.run(newSuite(t, open(t)))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(s *suite)
}

// patience is how long a test waits for what must happen. It only ever passes
// in a test that fails.
const patience = time.Minute

// now is the time of the records, in milliseconds as stores keep them.
var now = time.Date(2026, time.November, 3, 14, 15, 16, 789_000_000, time.UTC)

// day is the day of now.
var day = now.Truncate(24 * time.Hour)

// suite is one test with its store. Its methods fail the test on any error
// that the test doesn't ask for.
type suite struct {
	*testing.T
	Subject
	ctx context.Context
}

func newSuite(t *testing.T, subject Subject) *suite {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	t.Cleanup(cancel)
	return &suite{T: t, Subject: subject, ctx: ctx}
}

// sample returns a token in which no field is empty but LastUsed.
func (s *suite) sample(name string) token.Token {
	s.Helper()
	id, err := token.NewID(rand.Reader)
	s.ok(err)
	return token.Token{
		ID: id, API: "articles", Name: name, Description: "for the nightly build\nof " + name,
		Type: token.Custom, Grants: []string{"article.find", "POST /api/search"}, Owner: "ada", Enabled: true,
		Hint: "trv_…none", Expiry: now.Add(720 * time.Hour), Created: now, Updated: now.Add(time.Millisecond), Version: 1,
	}
}

// create adds a sample token with one secret and returns it as the store has it.
func (s *suite) create(name string) (token.Token, token.Digest) {
	s.Helper()
	t, secret := s.sample(name), newSecret(name)
	s.change(func(tx store.Tx) error {
		if err := tx.CreateToken(s.ctx, t); err != nil {
			return err
		}
		return tx.AddSecret(s.ctx, t.ID, secret)
	})
	t.Hint = secret.Hint
	return t, secret.Digest
}

// newSecret returns a secret whose text is the given one.
func newSecret(text string) store.Secret {
	return store.Secret{Digest: token.Hash(text), Scheme: token.SHA256, Hint: "trv_…" + text, Created: now}
}

func (s *suite) change(fn func(tx store.Tx) error) {
	s.Helper()
	s.ok(s.Store.Change(s.ctx, fn))
}

func (s *suite) lookup(digest token.Digest) store.Found {
	s.Helper()
	found, err := s.Store.Lookup(s.ctx, digest)
	s.ok(err)
	return found
}

func (s *suite) token(id string) token.Token {
	s.Helper()
	t, err := s.Store.Token(s.ctx, id)
	s.ok(err)
	return t
}

// update applies edit to the token as it is in the store.
func (s *suite) update(id string, edit func(*token.Token)) {
	s.Helper()
	s.change(func(tx store.Tx) error {
		t, err := tx.Token(s.ctx, id)
		if err != nil {
			return err
		}
		edit(&t)
		return tx.UpdateToken(s.ctx, t)
	})
}

func (s *suite) recordUse(uses ...token.Use) {
	s.Helper()
	s.ok(s.Store.RecordUse(s.ctx, uses))
}

func (s *suite) usage(id string, since time.Time) []token.Use {
	s.Helper()
	uses, err := s.Store.Usage(s.ctx, id, since)
	s.ok(err)
	return uses
}
