// Package strapi reads the API tokens of a Strapi installation, version 4 or 5,
// from its SQLite or Postgres database. It changes nothing there.
package strapi

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"github.com/tokenreeve/tokenreeve/admin"
)

const (
	tokensTable      = "strapi_api_tokens"
	permissionsTable = "strapi_api_token_permissions"
)

// linkTables join permissions to tokens, in version 5 and in version 4.
var linkTables = []string{permissionsTable + "_token_lnk", permissionsTable + "_token_links"}

// ErrNotStrapi says that a database has no API tokens of Strapi.
var ErrNotStrapi = errors.New("the database has no table " + tokensTable + ", as Strapi 4 and 5 have, or the role may not use its schema; " +
	"is it the right one, with the right search_path and role?")

// IsPostgres reports whether a source is one of Postgres, not the path of a file.
func IsPostgres(source string) bool {
	return strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://") || strings.Contains(source, "host=") || strings.Contains(source, "dbname=")
}

// errSource does not repeat what was written, which may have a password in it.
var errSource = errors.New("its tokens are read from the path of a SQLite file (./a:b if it has a colon) or from postgres://…, and this is neither; " +
	"take those of MySQL over by import csv or import jsonl, with access_key as hmac-sha512")

// otherScheme is how addresses of other databases begin: mysql://, mysql:/, user:password@tcp(…).
// One letter is a drive of Windows.
var otherScheme = regexp.MustCompile(`^[^/\\:]{2,}:`)

// Found are the API tokens of an installation.
type Found struct {
	Tokens []admin.StrapiToken // sorted by name
	// Zoneless says that one expires by the wall clock of Strapi's process, which the
	// database doesn't name.
	Zoneless bool
}

// Read returns all API tokens. The source is the path of a SQLite file, or how to
// connect to Postgres. There Strapi writes the wall clock of its process into a
// column without a time zone; the zone is that of this clock.
func Read(ctx context.Context, source string, zone *time.Location) (found Found, err error) {
	db, err := open(source)
	if err != nil {
		return Found{}, err
	}
	defer func() { err = errors.Join(explain(err), db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: IsPostgres(source)}) // one state of all tables
	if err != nil {
		return Found{}, err
	}
	defer tx.Rollback()
	tables, err := tablesOf(ctx, tx, IsPostgres(source))
	if err != nil {
		return Found{}, err
	}
	if !slices.Contains(tables, tokensTable) {
		return Found{}, ErrNotStrapi
	}
	actions, err := readActions(ctx, tx, tables)
	if err != nil {
		return Found{}, err
	}
	err = each(ctx, tx, `SELECT * FROM `+tokensTable+` ORDER BY name`, func(row map[string]any) error {
		t := admin.StrapiToken{
			Name: text(row["name"]), Description: text(row["description"]), Type: text(row["type"]),
			Hash: text(row["access_key"]), Actions: actions[text(row["id"])],
		}
		value := row["expires_at"]
		if clock, ok := value.(wallClock); ok && IsPostgres(source) {
			value, found.Zoneless = clock.in(zone), true
		}
		t.Expiry, t.Unread = moment(value)
		found.Tokens = append(found.Tokens, t)
		return nil
	})
	return found, err
}

func open(source string) (*sql.DB, error) {
	if IsPostgres(source) {
		return sql.Open("pgx", source)
	}
	source, isFile := strings.CutPrefix(source, "sqlite:")
	if !isFile && otherScheme.MatchString(source) {
		return nil, errSource
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path) // SQLite says less
	if err != nil {
		if strings.ContainsAny(source, "@=;") { // it may be no path
			return nil, errors.Join(errSource, errors.Unwrap(err))
		}
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	// While Strapi writes, it locks the file for moments.
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&_pragma=busy_timeout(10000)"}
	return sql.Open("sqlite", u.String())
}

func tablesOf(ctx context.Context, tx *sql.Tx, postgres bool) (names []string, err error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if postgres { // not by information_schema, which hides what the role may not read
		query = `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`
	}
	err = each(ctx, tx, query, func(row map[string]any) error {
		names = append(names, text(row["name"]))
		return nil
	})
	return names, err
}

// readActions returns what custom tokens may do, by the ids of the tokens.
func readActions(ctx context.Context, tx *sql.Tx, tables []string) (map[string][]string, error) {
	i := slices.IndexFunc(linkTables, func(name string) bool { return slices.Contains(tables, name) })
	if i < 0 || !slices.Contains(tables, permissionsTable) {
		return nil, errors.New("the database has no table " + linkTables[0] + " or " + linkTables[1] + ", so what its tokens may do can't be read")
	}
	actions := map[string][]string{}
	query := `SELECT l.api_token_id AS token, p.action AS action FROM ` + permissionsTable + ` p
		JOIN ` + linkTables[i] + ` l ON l.api_token_permission_id = p.id ORDER BY p.action`
	err := each(ctx, tx, query, func(row map[string]any) error {
		id := text(row["token"])
		actions[id] = append(actions[id], text(row["action"]))
		return nil
	})
	return actions, err
}

// each calls do for every row. Columns differ between versions, so they go by name.
func each(ctx context.Context, tx *sql.Tx, query string, do func(row map[string]any) error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		places := make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			return err
		}
		row := map[string]any{}
		for i, column := range columns {
			row[column.Name()] = values[i]
			if t, ok := values[i].(time.Time); ok && column.DatabaseTypeName() == "TIMESTAMP" {
				row[column.Name()] = wallClock(t)
			}
		}
		if err := do(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	}
	return fmt.Sprint(value)
}
