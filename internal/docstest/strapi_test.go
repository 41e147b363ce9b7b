package docstest

import (
	"crypto/hmac"
	"crypto/sha512"
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver
)

// What the installation that docs/strapi.md begins with has: its salt, and the
// token of the site. The database has hashes only.
var (
	strapiSalt = "a salt of the page"
	strapiSite = strings.Repeat("5eed", 64)
)

// strapiEnv is what such a gateway and the clients have in their environment.
func strapiEnv() []string {
	return []string{"API_TOKEN_SALT=" + strapiSalt, "SITE_TOKEN=" + strapiSite, "STRAPI_TOKEN=x", "OLD_TOKEN=" + strings.Repeat("01d", 80)}
}

// makeStrapi makes the database of a Strapi 5 for the page.
func makeStrapi(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hash := func(secret string) string {
		mac := hmac.New(sha512.New, []byte(strapiSalt))
		mac.Write([]byte(secret))
		return hex.EncodeToString(mac.Sum(nil))
	}
	if _, err := db.ExecContext(t.Context(), `
		CREATE TABLE strapi_api_tokens (id integer PRIMARY KEY, name varchar(255), description varchar(255), type varchar(255), access_key varchar(255), expires_at datetime);
		CREATE TABLE strapi_api_token_permissions (id integer PRIMARY KEY, action varchar(255));
		CREATE TABLE strapi_api_token_permissions_token_lnk (id integer PRIMARY KEY, api_token_permission_id integer, api_token_id integer);
		INSERT INTO strapi_api_tokens VALUES (1, 'site', 'the web site', 'custom', ?, NULL), (2, 'old app', '', 'read-only', ?, 1600000000000), (3, 'editor', '', 'full-access', ?, NULL);
		INSERT INTO strapi_api_token_permissions VALUES (1, 'api::article.article.find'), (2, 'api::homepage.homepage.find'), (3, 'plugin::upload.content-api.find');
		INSERT INTO strapi_api_token_permissions_token_lnk VALUES (1, 1, 1), (2, 2, 1), (3, 3, 1);`,
		hash(strapiSite), hash(strings.Repeat("01d", 80)), hash(strings.Repeat("ed", 128))); err != nil {
		t.Fatal(err)
	}
}
