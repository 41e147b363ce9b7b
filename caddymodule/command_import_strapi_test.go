package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
)

// Strapi writes the clock of its process to Postgres. Nobody is left to guess where
// that hung, also not by another run.
func TestImportStrapiFromPostgres(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.json"), []byte(gatewayJSON), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(database, `CREATE TABLE strapi_api_tokens (id integer, name text, description text, type text, access_key text, expires_at timestamp(6));
		CREATE TABLE strapi_api_token_permissions (id integer, action text);
		CREATE TABLE strapi_api_token_permissions_token_lnk (id integer, api_token_permission_id integer, api_token_id integer);
		INSERT INTO strapi_api_tokens VALUES (1, 'site', '', 'read-only', '`+strings.Repeat("5eed", 32)+`', '2027-01-31 21:00:00')`); err != nil {
		t.Fatal(err)
	}
	const (
		utc   = "Expiries have no time zone in this database; they were read as times of UTC.\n"
		tokyo = "Expiries have no time zone in this database; they were read as times of Asia/Tokyo.\n"
		other = "If Strapi's process runs in another zone, name that, as in --time-zone Asia/Tokyo; else tokens work too long or not long enough.\n"
	)
	for _, test := range []struct {
		flags     []string
		expiry    string
		says, not string // on standard error
	}{
		{nil, " 2027-01-31T21:00Z ", utc + other, ""},
		{[]string{"--time-zone", "UTC"}, " 2027-01-31T21:00Z ", utc, other},
		{[]string{"--time-zone", "Asia/Tokyo", "--apply"}, " 2027-01-31T12:00Z ", tokyo, other},
		{[]string{"--time-zone", "Asia/Tokyo"}, " 2027-01-31T12:00Z ", tokyo, "stays as it is here"},
		{nil, " 2027-01-31T12:00Z ", "expiry is 2027-01-31T12:00:00Z here, 2027-01-31T21:00:00Z there\n", "Asia/Tokyo."},
	} {
		sh := shell{t, dir, []string{"STRAPI_DATABASE=" + server.DSN(database, pgtest.Superuser)}}
		out, notes, ok := sh.run(append([]string{"import", "strapi", "-c", "gateway.json", "--api", "articles", "--dsn-env", "STRAPI_DATABASE"}, test.flags...)...)
		if !ok || !strings.Contains(out, test.expiry) || !strings.Contains(notes, test.says) || test.not != "" && strings.Contains(notes, test.not) {
			t.Errorf("%q: %s%s", test.flags, out, notes)
		}
	}
}
