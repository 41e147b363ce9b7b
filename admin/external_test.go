package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

func TestSetUp(t *testing.T) {
	f, quick := newManagement(t)
	if needs, err := f.NeedsSetUp(t.Context()); err != nil || !needs {
		t.Fatalf("got %v, %v", needs, err)
	}
	link := func() string {
		secret, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway})
		if err != nil {
			t.Fatal(err)
		}
		return secret.Reveal()
	}
	use := func(secret string) error {
		_, err := f.SetUp(t.Context(), secret, "Ann", password, admin.From{Address: home})
		return err
	}
	old, late := link(), link()
	for name, secret := range map[string]string{"replaced": old, "empty": "", "unknown": "trs_00"} {
		if err := use(secret); !errors.Is(err, admin.ErrSetUpLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.now = f.now.Add(admin.SetUpMost)
	if err := use(late); !errors.Is(err, admin.ErrSetUpLink) {
		t.Errorf("after an hour: %v", err)
	}
	secret := link()
	f.now = f.now.Add(admin.SetUpMost - time.Millisecond)
	if _, err := f.SessionActor(t.Context(), secret, home); !errors.Is(err, admin.ErrSignedOut) {
		t.Errorf("a link as a session: %v", err)
	}
	if _, err := f.SetUp(t.Context(), secret, "?", "short", admin.From{}); problems(t, err) != "name password" {
		t.Errorf("bad fields: %v", err)
	}
	in, err := f.SetUp(t.Context(), secret, "Ann", password, admin.From{Address: home})
	if err != nil || in.Account.Name != "ann" || in.Account.Role != admin.RoleOwner {
		t.Fatalf("got %+v, %v", in, err)
	}
	if actor := f.session(t, in.Secret); actor.Scope(admin.AccountManage) != store.All {
		t.Errorf("the first account is %+v", actor.Role)
	}
	if err := f.try(t, "ann", password, home); err != nil {
		t.Error(err)
	}
	if err := use(secret); !errors.Is(err, admin.ErrSetUpLink) {
		t.Errorf("a second time: %v", err)
	}
	if _, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway}); !errors.Is(err, admin.ErrSetUpDone) {
		t.Errorf("with an owner: %v", err)
	}
	_ = quick
}

// Others may come before there is an owner, as by single sign-on; they are not who
// could make one. A link is useless once there is one, however that came.
func TestSetUpIsForAnOwnerWhoCanSignIn(t *testing.T) {
	f, _ := newManagement(t)
	secret, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway})
	if err != nil {
		t.Fatal(err)
	}
	f.account(t, "bob", admin.RoleManager)
	f.account(t, "off", admin.RoleOwner)
	if _, err := f.SignInExternal(t.Context(), admin.ExternalIdentity{Subject: "s", Name: "eve", Method: "header"}, admin.RoleMember, admin.From{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.CreateAccount(t.Context(), operator, admin.NewAccount{Name: "waiting", Role: admin.RoleOwner}); err != nil {
		t.Fatal(err)
	}
	disabled := func(tx store.Tx) error {
		off, err := tx.AccountByName(t.Context(), "off")
		if err != nil {
			return err
		}
		off.Enabled = false
		return tx.UpdateAccount(t.Context(), off)
	}
	if err := f.store.Change(t.Context(), disabled); err != nil {
		t.Fatal(err)
	}
	if needs, err := f.NeedsSetUp(t.Context()); err != nil || !needs {
		t.Errorf("without an owner who can sign in: %v, %v", needs, err)
	}
	if _, err := f.SetUp(t.Context(), secret.Reveal(), "eve", password, admin.From{}); problems(t, err) != "name" {
		t.Errorf("under the name of another account: %v", err)
	}
	f.account(t, "boss", admin.RoleOwner)
	if needs, err := f.NeedsSetUp(t.Context()); err != nil || needs {
		t.Errorf("with an owner: %v, %v", needs, err)
	}
	if _, err := f.SetUp(t.Context(), secret.Reveal(), "ann", password, admin.From{}); !errors.Is(err, admin.ErrSetUpLink) {
		t.Errorf("got %v", err)
	}
	if page, err := f.Sessions(t.Context(), operator, "*", admin.Paging{}); err != nil || len(page.Items) != 1 { // eve's
		t.Errorf("a link shows as a session: %+v, %v", page, err)
	}
}

func TestSetUpAtOnce(t *testing.T) {
	f, _ := newManagement(t)
	secret, err := f.SetUpLink(t.Context(), admin.Actor{Via: admin.ViaGateway})
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 8)
	for i := range cap(errs) {
		go func() {
			_, err := f.SetUp(t.Context(), secret.Reveal(), "ann"+strings.Repeat("x", i), password, admin.From{})
			errs <- err
		}()
	}
	made := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			made++
		} else if !errors.Is(err, admin.ErrSetUpLink) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d owners were made", made)
	}
}

func TestSignInExternal(t *testing.T) {
	f, _ := newManagement(t)
	f.account(t, "local", admin.RoleOwner)
	for _, d := range []admin.NewAccount{
		{Name: "waiting", Role: admin.RoleManager},
		{Name: "known", Role: admin.RoleMember, Subject: "sub-known"},
		{Name: "off", Role: admin.RoleMember, Subject: "sub-off"},
		{Name: "off2", Role: admin.RoleMember},
	} {
		if _, _, err := f.CreateAccount(t.Context(), operator, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"off", "off2"} {
		if _, err := f.UpdateAccount(t.Context(), operator, name, admin.AccountEdit{Enabled: new(false)}); err != nil {
			t.Fatal(err)
		}
	}
	f.create(t, func(d *admin.NewToken) { d.Owner = "root" })
	for _, test := range []struct {
		name, subject, as, role string
		account                 string // empty: refused
		got                     string // its role
	}{
		{"by subject, whatever the name", "sub-known", "local", "", "known", "member"},
		{"unknown without a default role", "sub-new", "new", "", "", ""},
		{"unknown", "sub-new", "New", "auditor", "new", "auditor"},
		{"again", "sub-new", "renamed", "owner", "new", "auditor"},
		{"waiting for it", "sub-wait", "waiting", "", "waiting", "manager"},
		{"taken by who waited", "sub-late", "waiting", "member", "", ""},
		{"the name of a local account", "sub-evil", "LOCAL", "member", "", ""},
		{"a name that owns tokens", "sub-root", "root", "member", "", ""},
		{"a name that can't be", "sub-odd", "a b", "member", "", ""},
		{"disabled", "sub-off", "off", "member", "", ""},
		{"disabled while it waits", "sub-off2", "off2", "member", "", ""},
	} {
		in, err := f.SignInExternal(t.Context(), admin.ExternalIdentity{Subject: test.subject, Name: test.as, Method: "header"}, test.role, admin.From{Address: home})
		if test.account == "" {
			if !errors.Is(err, admin.ErrSignInRefused) {
				t.Errorf("%s: %+v, %v", test.name, in.Account, err)
			}
			continue
		}
		if err != nil || in.Account.Name != test.account || in.Account.Role != test.got || in.Session.Method != "header" {
			t.Errorf("%s: %+v, %v", test.name, in, err)
			continue
		}
		if actor := f.session(t, in.Secret); actor.Name() != test.account {
			t.Errorf("%s: acts as %s", test.name, actor.Name())
		}
	}
	for name, who := range map[string]admin.ExternalIdentity{
		"no subject": {Name: "x", Method: "oidc"}, "as if by password": {Subject: "s", Name: "x", Method: "password"},
	} {
		if _, err := f.SignInExternal(t.Context(), who, "member", admin.From{}); err == nil {
			t.Errorf("%s: signed in", name)
		}
	}
	if _, err := f.SignInExternal(t.Context(), admin.ExternalIdentity{Subject: "s2", Name: "x", Method: "oidc"}, "unknown", admin.From{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a default role that is not there: %v", err)
	}
}

// First use by many at once makes one account.
func TestFirstUseAtOnce(t *testing.T) {
	f, _ := newManagement(t)
	errs := make(chan error, 6)
	for range cap(errs) {
		go func() {
			_, err := f.SignInExternal(t.Context(), admin.ExternalIdentity{Subject: "sub", Name: "ann", Method: "oidc"}, "member", admin.From{})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if all, err := f.store.Accounts(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
}
