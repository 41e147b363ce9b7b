package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func (f *fixture) try(t *testing.T, name, password, address string) error {
	t.Helper()
	_, err := f.SignIn(t.Context(), name, password, admin.From{Address: address})
	return err
}

func TestSignIn(t *testing.T) {
	f, quick := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	f.account(t, "off", admin.RoleMember)
	if _, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "sso", Role: admin.RoleMember}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UpdateAccount(t.Context(), operator, "off", admin.AccountEdit{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	in, err := f.SignIn(t.Context(), " ANN ", password, admin.From{Address: home, Agent: "browser"})
	if err != nil || in.Account.Name != "ann" || in.Account.SignedIn == nil || in.Session.Method != "password" || in.Session.Agent != "browser" {
		t.Fatalf("got %+v, %v", in, err)
	}
	again, err := f.SignIn(t.Context(), "ann", password, admin.From{Address: home})
	if err != nil || again.Secret.Reveal() == in.Secret.Reveal() || again.Session.ID == in.Session.ID {
		t.Errorf("a session was used again: %v", err)
	}
	if sessions, err := f.store.Sessions(t.Context(), ""); err != nil || sessions[0].Digest != again.Secret.Digest() && sessions[1].Digest != again.Secret.Digest() {
		t.Errorf("the store has %+v, %v", sessions, err)
	}
	if err := f.try(t, "off", password, home); !errors.Is(err, admin.ErrSignInRefused) {
		t.Errorf("disabled: %v", err)
	}
	if e := f.events(t)[0]; e.Action != "sign-in.refused" || e.Name != "off" || string(e.After) != `{"method":"password","reason":"disabled"}` {
		t.Errorf("got %+v", e)
	}
	for name, try := range map[string][2]string{
		"wrong password": {"ann", "wrong"}, "no password": {"ann", ""}, "unknown name": {"bob", password}, "no name": {"", password},
		"disabled": {"off", password}, "without a password": {"sso", ""}, "hash as password": {"ann", "$quick$"},
		"long password": {"ann", string(make([]byte, 5000))},
	} {
		before := quick.compared.Load()
		if err := f.try(t, try[0], try[1], "198.51.100."+fmt.Sprint(len(name))); !errors.Is(err, admin.ErrSignInRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if quick.compared.Load() != before+1 {
			t.Errorf("%s: no hash was compared, which takes less time", name)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	begin := func() string {
		in, err := f.SignIn(t.Context(), "ann", password, admin.From{Address: home})
		if err != nil {
			t.Fatal(err)
		}
		return in.Secret.Reveal()
	}
	use := func(secret string) error { _, err := f.SessionActor(t.Context(), secret, home); return err }
	idle := begin()
	f.now = f.now.Add(admin.SessionIdle - time.Millisecond)
	if err := use(idle); err != nil {
		t.Errorf("just before it is idle for too long: %v", err)
	}
	f.now = f.now.Add(admin.SessionIdle)
	if err := use(idle); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("after it was idle: %v", err)
	}
	busy, began := begin(), f.now
	for f.now.Before(began.Add(admin.SessionMost - 20*time.Minute)) {
		f.now = f.now.Add(20 * time.Minute)
		if err := use(busy); f.now.Before(began.Add(admin.SessionMost)) && err != nil {
			t.Fatalf("after %s: %v", f.now.Sub(began), err)
		}
	}
	f.now = began.Add(admin.SessionMost)
	if err := use(busy); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("at its end: %v", err)
	}
	actor := f.session(t, mustImport(t, begin()))
	if err := f.SignOut(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tokens(t.Context(), actor, store.TokenQuery{}); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("after sign-out: %v", err)
	}
	if err := f.SignOut(t.Context(), actor); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("signing out twice: %v", err)
	}
	for _, secret := range []string{"", "trs_", idle[:len(idle)-1]} {
		if err := use(secret); !errors.Is(err, admin.ErrSignedOut) {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

func mustImport(t *testing.T, text string) token.Secret {
	t.Helper()
	secret, err := token.Import(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// What is compared outside the transaction is looked at again within.
func TestPasswordThatChangesMeanwhile(t *testing.T) {
	f, _ := newManagement(t)
	actor := f.member(t, "ann", admin.RoleMember)
	change := func(e admin.AccountEdit) *fixture {
		between := &interrupted{Store: f.store, first: func() {
			if _, err := f.UpdateAccount(t.Context(), operator, "ann", e); err != nil {
				t.Error(err)
			}
		}}
		clock := func() time.Time { return f.now }
		return &fixture{Service: admin.New(between, clock, rand.Reader).WithPasswords(&quickPasswords{}), store: f.store, now: f.now}
	}
	if err := change(admin.AccountEdit{Password: new("another long one")}).try(t, "ann", password, home); !errors.Is(err, admin.ErrSignInRefused) {
		t.Errorf("signing in with a password that changed: %v", err)
	}
	// Not even the session lasts; and where it does, the newer password counts.
	_, err := change(admin.AccountEdit{Password: new(password)}).ChangePassword(t.Context(), actor, "another long one", "yet another one")
	if !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("changing it after that: %v", err)
	}
	f.account(t, "bob", admin.RoleOwner)
	if _, err := f.UpdateAccount(t.Context(), operator, "bob", admin.AccountEdit{Subject: new("header:bob")}); err != nil {
		t.Fatal(err)
	}
	in, err := f.SignInExternal(t.Context(), admin.ExternalIdentity{Subject: "header:bob", Name: "bob", Method: "header"}, "", admin.From{Address: home})
	if err != nil {
		t.Fatal(err)
	}
	bob := f.session(t, in.Secret)
	racing := &interrupted{Store: f.store, first: func() {
		if _, err := f.ChangePassword(t.Context(), bob, password, "another long one"); err != nil {
			t.Error(err)
		}
	}}
	service := admin.New(racing, func() time.Time { return f.now }, rand.Reader).WithPasswords(&quickPasswords{})
	if _, err := service.ChangePassword(t.Context(), bob, password, "yet another one"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("two changes at once: %v", err)
	}
}

// A session does not outlive the right to have one, even if nobody ended it.
func TestSessionOfADisabledAccount(t *testing.T) {
	f, _ := newManagement(t)
	actor := f.member(t, "ann", admin.RoleOwner)
	err := f.store.Change(t.Context(), func(tx store.Tx) error {
		a, err := tx.AccountByName(t.Context(), "ann")
		if err != nil {
			return err
		}
		a.Enabled = false
		return tx.UpdateAccount(t.Context(), a)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Accounts(t.Context(), actor, admin.Paging{}); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("got %v", err)
	}
}

// touches is a store that counts how often the use of a session is written.
type touches struct {
	store.Store
	written int
}

func (s *touches) TouchSession(ctx context.Context, id string, seen time.Time) error {
	s.written++
	return s.Store.TouchSession(ctx, id, seen)
}

func TestUseOfASessionIsWrittenOnceAMinute(t *testing.T) {
	f, _ := newManagement(t)
	counted := &touches{Store: f.store}
	f.Service = admin.New(counted, func() time.Time { return f.now }, rand.Reader).WithPasswords(&quickPasswords{})
	f.account(t, "ann", admin.RoleMember)
	in, err := f.SignIn(t.Context(), "ann", password, admin.From{Address: home})
	if err != nil {
		t.Fatal(err)
	}
	for range 180 {
		f.now = f.now.Add(time.Second)
		f.session(t, in.Secret)
	}
	if counted.written != 3 {
		t.Errorf("written %d times in three minutes", counted.written)
	}
}

func TestSessionsAreListedAndRevoked(t *testing.T) {
	f, _ := newManagement(t)
	ann := f.member(t, "ann", admin.RoleMember)
	f.now = f.now.Add(time.Second)
	second := f.signIn(t, "ann")
	bob := f.member(t, "bob", admin.RoleMember)
	page, err := f.Sessions(t.Context(), ann, "", admin.Paging{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != second.Session || page.Items[0].Current || page.Items[0].Account != "ann" {
		t.Fatalf("got %+v, %v", page, err)
	}
	page, err = f.Sessions(t.Context(), ann, "", admin.Paging{After: page.Next})
	if err != nil || len(page.Items) != 1 || !page.Items[0].Current || page.Next != "" {
		t.Errorf("second page %+v, %v", page, err)
	}
	if _, err := f.Sessions(t.Context(), ann, "", admin.Paging{After: "ses_x"}); !errors.Is(err, store.ErrBadCursor) {
		t.Errorf("bad cursor: %v", err)
	}
	if err := f.DeleteSession(t.Context(), ann, bob.Session); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another's session: %v", err)
	}
	if err := f.DeleteSession(t.Context(), ann, second.Session); err != nil {
		t.Error(err)
	}
	if _, err := f.Account(t.Context(), second, "ann"); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("after it was revoked: %v", err)
	}
	third := f.signIn(t, "ann")
	if err := f.DeleteSessions(t.Context(), ann, ""); err != nil {
		t.Error(err)
	}
	_, errThird := f.Account(t.Context(), third, "ann")
	_, errOwn := f.Account(t.Context(), ann, "ann")
	_, errBob := f.Account(t.Context(), bob, "bob")
	if !errors.Is(errThird, admin.ErrSignedOut) || errOwn != nil || errBob != nil {
		t.Errorf("third %v, own %v, bob's %v", errThird, errOwn, errBob)
	}
	if err := f.DeleteSessions(t.Context(), operator, "bob"); err != nil {
		t.Error(err)
	}
	if _, err := f.Account(t.Context(), bob, "bob"); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("bob's after a command: %v", err)
	}
}

// Whoever guesses waits longer and longer, for known and unknown names alike.
func TestGuessingIsSlowedDown(t *testing.T) {
	f, quick := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	var waits [2][]time.Duration
	for i, name := range []string{"ann", "nobody"} {
		address := fmt.Sprint("198.51.100.", i)
		for range 20 {
			err := f.try(t, name, "wrong", address)
			var wait time.Duration
			if throttled, ok := errors.AsType[*admin.ThrottledError](err); ok {
				wait = throttled.RetryAfter
				f.now = f.now.Add(wait - time.Millisecond)
				if err := f.try(t, name, password, address); errors.Is(err, admin.ErrSignInRefused) || err == nil {
					t.Fatalf("an attempt %s too early got through", time.Millisecond)
				}
				f.now = f.now.Add(time.Millisecond)
				err = f.try(t, name, "wrong", address)
			}
			if !errors.Is(err, admin.ErrSignInRefused) {
				t.Fatalf("%s: %v", name, err)
			}
			waits[i] = append(waits[i], wait)
		}
		if quick.compared.Load() != int64(20*(i+1)) {
			t.Errorf("%d were compared", quick.compared.Load())
		}
	}
	if !slices.Equal(waits[0], waits[1]) {
		t.Errorf("known and unknown names differ: %v, %v", waits[0], waits[1])
	}
	want := []int{0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300}
	for i := range want {
		if int(waits[0][i]/time.Second) != want[i] {
			t.Fatalf("waited %v; want %v seconds", waits[0], want)
		}
	}
}

// Guessing from elsewhere keeps nobody out where they have been before, not even
// after a restart; and an hour of peace ends it for everybody.
func TestNobodyIsLockedOut(t *testing.T) {
	f, _ := newManagement(t)
	f.member(t, "ann", admin.RoleMember)
	guess := func(n int) {
		for i := range n {
			_ = f.try(t, "ann", "wrong", fmt.Sprintf("203.0.113.%d", i))
		}
	}
	f.Service = admin.New(f.store, func() time.Time { return f.now }, rand.Reader).WithPasswords(&quickPasswords{})
	guess(200)
	if err := f.try(t, "ann", password, "198.51.100.1"); err == nil || errors.Is(err, admin.ErrSignInRefused) {
		t.Errorf("from a new address: %v; want it to wait", err)
	}
	if err := f.try(t, "ann", password, home); err != nil {
		t.Errorf("from a familiar address: %v", err)
	}
	if err := f.try(t, "ann", password, "198.51.100.1"); err == nil {
		t.Error("a sign-in from a familiar address opened the name to all")
	}
	f.now = f.now.Add(time.Hour)
	if err := f.try(t, "ann", password, "198.51.100.1"); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// One address can't try many names, nor one network many addresses.
func TestNetworksAreSlowedDown(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "eve", admin.RoleMember)
	for _, address := range []func(i int) string{
		func(int) string { return "203.0.113.7" },
		func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) },
		func(i int) string { return []string{"203.0.113.8", "::ffff:203.0.113.8"}[i%2] },
	} {
		refused, throttled := 0, 0
		for i := range 100 {
			err := f.try(t, fmt.Sprint("name", i), "wrong", address(i))
			if errors.Is(err, admin.ErrSignInRefused) {
				refused++
			} else if _, ok := errors.AsType[*admin.ThrottledError](err); ok {
				throttled++
			}
		}
		if refused != 21 || throttled != 79 {
			t.Errorf("from %s: %d tried, %d throttled", address(0), refused, throttled)
		}
	}
	// Signing in to one's own account forgives nothing.
	for i := range 60 {
		if i%2 == 0 {
			_ = f.try(t, "eve", password, "192.0.2.77")
		} else {
			_ = f.try(t, fmt.Sprint("other", i), "wrong", "192.0.2.77")
		}
	}
	if err := f.try(t, "eve", password, "192.0.2.77"); err == nil {
		t.Error("an account of one's own helps with guessing at others")
	}
}

// A thousand wrong passwords at once cost little, and give few guesses.
func TestAThousandWrongPasswords(t *testing.T) {
	f, quick := newManagement(t)
	f.account(t, "ann", admin.RoleMember)
	quick.pause = 2 * time.Millisecond
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() { _ = f.try(t, "ann", "wrong", fmt.Sprintf("10.0.%d.%d", i/250, i%250)) })
	}
	all.Wait()
	if n := quick.compared.Load(); n > 6 {
		t.Errorf("%d guesses got through", n)
	}
	quick.compared.Store(0)
	for i := range 1000 {
		all.Go(func() { _ = f.try(t, fmt.Sprint("n", i), "wrong", fmt.Sprintf("10.1.%d.%d", i/250, i%250)) })
	}
	all.Wait()
	if most := quick.most.Load(); most > int64(max(1, runtime.GOMAXPROCS(0)/2)) {
		t.Errorf("%d were compared at once", most)
	}
	events, err := f.store.Events(t.Context(), store.EventQuery{Action: "sign-in.refused"})
	if err != nil || len(events) > 30+30 { // of ann, and of unknown names
		t.Errorf("%d events, %v; a flood fills the store", len(events), err)
	}
	f.now = f.now.Add(time.Hour)
	_ = f.try(t, "ann", "wrong", home)
	events, err = f.store.Events(t.Context(), store.EventQuery{Action: "sign-in.refused", Limit: 1})
	if err != nil || len(events) != 1 || !bytes.Contains(events[0].After, []byte(`"not_noted_before":`)) {
		t.Errorf("got %s, %v", events[0].After, err)
	}
}
