package admin_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const (
	password = "correct horse battery"
	home     = "192.0.2.1"
)

// quickPasswords hashes as fast as a test wants, and counts.
type quickPasswords struct {
	compared, hashed, busy, most atomic.Int64
	pause                        time.Duration
}

func (q *quickPasswords) Hash(password string) (string, error) {
	q.hashed.Add(1)
	sum := sha256.Sum256([]byte("salt" + password))
	return "$quick$" + hex.EncodeToString(sum[:]), nil
}

func (q *quickPasswords) Compare(hash, password string) (bool, error) {
	q.compared.Add(1)
	busy := q.busy.Add(1)
	defer q.busy.Add(-1)
	for most := q.most.Load(); busy > most && !q.most.CompareAndSwap(most, busy); most = q.most.Load() {
	}
	time.Sleep(q.pause)
	want, err := q.Hash(password)
	return hash == want, err
}

// newManagement is a fixture that can sign in and knows the API of management.
func newManagement(t *testing.T) (*fixture, *quickPasswords) {
	t.Helper()
	f := newFixture(t)
	quick := &quickPasswords{}
	f.WithPasswords(quick)
	saveCatalog(t, f.store, store.Catalog{API: admin.ManagementAPI, Permissions: admin.ManagementPermissions(), Updated: start.UTC().Truncate(time.Millisecond)})
	return f, quick
}

func (f *fixture) account(t *testing.T, name, role string) {
	t.Helper()
	if _, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: name, Role: role, Password: password}); err != nil {
		t.Fatal(err)
	}
}

// signIn returns who the account is by a new session.
func (f *fixture) signIn(t *testing.T, name string) admin.Actor {
	t.Helper()
	in, err := f.SignIn(t.Context(), name, password, admin.From{Address: home, Agent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return f.session(t, in.Secret)
}

func (f *fixture) session(t *testing.T, secret token.Secret) admin.Actor {
	t.Helper()
	actor, err := f.SessionActor(t.Context(), secret.Reveal(), home)
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

// member makes an account and signs it in.
func (f *fixture) member(t *testing.T, name, role string) admin.Actor {
	t.Helper()
	f.account(t, name, role)
	return f.signIn(t, name)
}

// through returns who acts through a new token of ManagementAPI with these grants; none is full access.
func (f *fixture) through(t *testing.T, owner string, grants ...string) admin.Actor {
	t.Helper()
	kind := token.FullAccess
	if len(grants) > 0 {
		kind = token.Custom
	}
	made, _ := f.create(t, func(d *admin.NewToken) {
		*d = admin.NewToken{API: admin.ManagementAPI, Name: "acting " + rand.Text()[:8], Type: kind, Duration: "30d", Grants: grants, Owner: owner}
	})
	actor, err := f.TokenActor(t.Context(), made.ID, home)
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

func (f *fixture) role(t *testing.T, r store.Role) {
	t.Helper()
	for _, scope := range []*store.Scope{&r.Read, &r.Create, &r.Update, &r.Regenerate, &r.Delete} {
		if *scope == "" {
			*scope = store.None
		}
	}
	if _, err := f.CreateRole(t.Context(), operator, r); err != nil {
		t.Fatal(err)
	}
}

// outcome says in one word what came of something.
func outcome(err error) string {
	forbidden, _ := errors.AsType[*admin.ForbiddenError](err)
	_, invalid := errors.AsType[admin.FieldErrors](err)
	switch {
	case err == nil:
		return "yes"
	case forbidden != nil:
		return "no"
	case errors.Is(err, store.ErrNotFound):
		return "unknown"
	case invalid:
		return "invalid"
	default:
		return err.Error()
	}
}
