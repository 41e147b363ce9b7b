package admin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// start is what the clock of every test begins with; the odd part must not
// reach a record.
var start = time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.FixedZone("CET", 3600))

// operator is who runs a command.
var operator = admin.Operator("root")

// fixture is a service on a new store that knows the APIs articles and orders.
type fixture struct {
	*admin.Service
	store store.Store
	path  string // of its file
	now   time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, path: path, now: start}
	f.Service = admin.New(s, func() time.Time { return f.now }, rand.Reader)
	for _, api := range []string{"articles", "orders"} {
		saveCatalog(t, s, catalog(t, api))
	}
	return f
}

func saveCatalog(t *testing.T, s store.Store, c store.Catalog) {
	t.Helper()
	err := s.Change(t.Context(), func(tx store.Tx) error { return tx.SaveCatalog(t.Context(), c) })
	if err != nil {
		t.Fatal(err)
	}
}

// catalog returns an API with article.find and its siblings.
func catalog(t *testing.T, api string) store.Catalog {
	t.Helper()
	permissions, err := permission.ForResource("article", "/api/articles", false)
	if err != nil {
		t.Fatal(err)
	}
	return store.Catalog{API: api, Permissions: permissions, Updated: start.UTC().Truncate(time.Millisecond)}
}

// newToken is valid; tests change what they are about.
func newToken(change func(*admin.NewToken)) admin.NewToken {
	d := admin.NewToken{
		API: "articles", Name: "ci", Type: token.Custom, Duration: "30d",
		Grants: []string{"article.find", "POST /api/search"}, Owner: "ann",
	}
	if change != nil {
		change(&d)
	}
	return d
}

func (f *fixture) create(t *testing.T, change func(*admin.NewToken)) (token.Token, token.Secret) {
	t.Helper()
	made, secret, err := f.Create(t.Context(), operator, newToken(change))
	if err != nil {
		t.Fatal(err)
	}
	return made, secret
}

// works reports whether the secret belongs to a token and still counts at the time of the clock.
func (f *fixture) works(t *testing.T, secret token.Secret) bool {
	t.Helper()
	found, err := f.store.Lookup(t.Context(), secret.Digest())
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return found.Token.Status(f.now) == token.Active && (found.SecretExpiry.IsZero() || f.now.Before(found.SecretExpiry))
}

// problems returns the fields that err complains about, in order, joined.
func problems(t *testing.T, err error) string {
	t.Helper()
	var p admin.FieldErrors
	if err == nil || !errors.As(err, &p) {
		t.Fatalf("got error %v; want FieldErrors", err)
	}
	var fields []string
	for _, invalid := range p {
		fields = append(fields, invalid.Field)
	}
	return strings.Join(fields, " ")
}

func TestCreate(t *testing.T) {
	f := newFixture(t)
	made, secret := f.create(t, nil)
	moment := start.UTC().Truncate(time.Millisecond)
	switch {
	case !token.IsID(made.ID) || made.Version != 1 || !made.Enabled || made.Owner != "ann":
		t.Errorf("got %+v", made)
	case !made.Created.Equal(moment) || !made.Updated.Equal(moment) || made.Created.Location() != time.UTC:
		t.Errorf("created %v, updated %v; want %v in UTC", made.Created, made.Updated, moment)
	case !made.Expiry.Equal(moment.AddDate(0, 0, 30)):
		t.Errorf("expires %v; want 30 days after %v", made.Expiry, moment)
	case made.Hint != secret.Hint():
		t.Errorf("hint %q; want %q", made.Hint, secret.Hint())
	case !f.works(t, secret):
		t.Error("the secret does not work")
	}
	again, _ := f.create(t, func(d *admin.NewToken) { d.API = "orders" }) // the same name in another API
	if again.ID == made.ID {
		t.Error("two tokens have one id")
	}
}

func TestCreateRefuses(t *testing.T) {
	f := newFixture(t)
	f.create(t, func(d *admin.NewToken) { d.Name = "taken" })
	longGrant := "GET /" + strings.Repeat("x", token.MaxGrant-len("GET /"))
	longest, _ := f.create(t, func(d *admin.NewToken) { d.Name, d.Grants = "longest", []string{longGrant} })
	if _, err := f.Delete(t.Context(), operator, longest.ID, 0); err != nil {
		t.Fatal(err)
	}
	many := make([]string, token.MaxGrants+1)
	for i := range many {
		many[i] = "article.find"
	}
	tests := []struct {
		name   string
		change func(*admin.NewToken)
		fields string
		text   string
	}{
		{"no name", func(d *admin.NewToken) { d.Name = "" }, "name", "needs a name"},
		{"name taken", func(d *admin.NewToken) { d.Name = "taken" }, "name", `has a token "taken" already`},
		{"name like an id", func(d *admin.NewToken) { d.Name = "tok_x" }, "name", "token id"},
		{"name like a secret", func(d *admin.NewToken) { d.Name = "trv_x" }, "name", "begins like a secret"},
		{"long description", func(d *admin.NewToken) { d.Description = strings.Repeat("ä", 201) }, "description", "201 characters"},
		{"unknown type", func(d *admin.NewToken) { d.Type = "admin" }, "type grants", "use read-only, full-access or custom"},
		{"bad duration", func(d *admin.NewToken) { d.Duration = "soon" }, "duration", "use for example 7d"},
		{"no duration", func(d *admin.NewToken) { d.Duration = "" }, "duration", "use for example 7d"},
		{"past date", func(d *admin.NewToken) { d.Duration = "2020-01-31" }, "duration", "in the past"},
		{"bad owner", func(d *admin.NewToken) { d.Owner = "a\x1bb" }, "owner", "control character"},
		{"unknown API", func(d *admin.NewToken) { d.API = "artikel" }, "api", "there is articles, orders"},
		{"no grants", func(d *admin.NewToken) { d.Grants = nil }, "grants", "at least one grant"},
		{"too many grants", func(d *admin.NewToken) { d.Grants = many }, "grants", "at most 500"},
		{"long grant", func(d *admin.NewToken) { d.Grants = []string{longGrant + "x"} }, "grants", "501 bytes; at most 500"},
		{"grant twice", func(d *admin.NewToken) { d.Grants = []string{"article.find", "article.find"} }, "grants", "twice"},
		{"unknown permission", func(d *admin.NewToken) { d.Grants = []string{"article.fnid"} }, "grants", "did you mean article.find?"},
		{"unknown resource", func(d *admin.NewToken) { d.Grants = []string{"artcle.*"} }, "grants", "did you mean article.*?"},
		{"bad operation", func(d *admin.NewToken) { d.Grants = []string{"get /api"} }, "grants", "write GET"},
		{"grants of read-only", func(d *admin.NewToken) { d.Type = token.ReadOnly }, "grants", "only a custom token has grants"},
		{
			"everything at once",
			func(d *admin.NewToken) {
				*d = admin.NewToken{API: "articles", Name: "taken", Type: token.Custom, Duration: "0d"}
			},
			"duration name grants", "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := f.Create(t.Context(), operator, newToken(test.change))
			if fields := problems(t, err); fields != test.fields || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got fields %q in %q; want %q with %q", fields, err, test.fields, test.text)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
	if all, err := f.List(t.Context(), operator, admin.Filter{}); err != nil || len(all) != 1 {
		t.Errorf("the store has %d tokens (%v); want the one that was not refused", len(all), err)
	}
}

// A source of randomness that fails must never make a weaker secret.
func TestCreateWithoutRandomness(t *testing.T) {
	f := newFixture(t)
	broken := admin.New(f.store, time.Now, io.LimitReader(rand.Reader, 40))
	if _, _, err := broken.Create(t.Context(), operator, newToken(nil)); err == nil {
		t.Error("a token was made without randomness")
	}
}

func TestCatalogOfTheConfigurationCounts(t *testing.T) {
	f := newFixture(t)
	configured := catalog(t, "new")
	known := admin.New(f.store, func() time.Time { return f.now }, rand.Reader, configured)
	made, _, err := known.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.API = "new" }))
	if err != nil {
		t.Fatal(err)
	}
	// Those who come without the configuration must find the token all the same.
	if found, err := f.Find(t.Context(), operator, "", "ci"); err != nil || found.ID != made.ID {
		t.Errorf("found %+v, %v", found, err)
	}
	all, err := f.Catalogs(t.Context(), operator)
	if err != nil || len(all) != 3 || all[1].API != "new" || len(all[1].Permissions) != len(configured.Permissions) {
		t.Errorf("catalogs %+v, %v; want articles, new and orders", all, err)
	}
}

func TestCatalogOfTheConfigurationReplacesTheStored(t *testing.T) {
	f := newFixture(t)
	known := admin.New(f.store, func() time.Time { return f.now }, rand.Reader, store.Catalog{API: "articles"})
	_, _, err := known.Create(t.Context(), operator, newToken(nil))
	if fields := problems(t, err); fields != "grants" {
		t.Errorf("got problems with %q; want the permission to be unknown", fields)
	}
	_, _, err = known.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Grants = []string{"GET /a"} }))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := f.store.Catalogs(t.Context())
	if err != nil || len(stored[0].Permissions) == 0 {
		t.Errorf("the gateway's catalog was overwritten: %+v, %v", stored, err)
	}
}

func TestFirstTokenWithoutAnyAPI(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "tokens.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, _, err = admin.New(s, time.Now, rand.Reader).Create(context.Background(), operator, newToken(nil))
	if fields := problems(t, err); fields != "api" || !strings.Contains(err.Error(), "start the gateway once") {
		t.Errorf("got %v", err)
	}
}

// Two people who want one name at once: the checks are part of the transaction.
func TestCreateAtOnce(t *testing.T) {
	f := newFixture(t)
	const people = 8
	errs := make(chan error, people)
	for range people {
		go func() {
			_, _, err := f.Create(t.Context(), operator, newToken(nil))
			errs <- err
		}()
	}
	made := 0
	for range people {
		if err := <-errs; err == nil {
			made++
		} else if fields := problems(t, err); fields != "name" {
			t.Errorf("got %v", err)
		}
	}
	if made != 1 {
		t.Errorf("%d tokens of one name were made", made)
	}
}
