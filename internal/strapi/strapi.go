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
	"strconv"
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
var ErrNotStrapi = errors.New("the database has no table " + tokensTable + ", as Strapi 4 and 5 have; is it the right one, and the right search_path?")

// IsPostgres reports whether a source is one of Postgres, not the path of a file.
func IsPostgres(source string) bool {
	return strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://") || strings.Contains(source, "host=") || strings.Contains(source, "dbname=")
}

// errSource does not repeat what was written, which may have a password in it.
var errSource = errors.New("its tokens are read from the path of a SQLite file (./a:b if it has a colon) or from postgres://…, and this is neither; " +
	"take those of MySQL over by import csv, with the column hmac-sha512 for access_key")

// otherScheme is how addresses of other databases begin: mysql://, mysql:/, user:password@tcp(…).
// One letter is a drive of Windows.
var otherScheme = regexp.MustCompile(`^[^/\\:]{2,}:`)

// Read returns all API tokens, sorted by name. The source is the path of a SQLite
// file, or how to connect to Postgres.
func Read(ctx context.Context, source string) (tokens []admin.StrapiToken, err error) {
	db, err := open(source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: IsPostgres(source)}) // one state of all tables
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	tables, err := tablesOf(ctx, tx, IsPostgres(source))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tables, tokensTable) {
		return nil, ErrNotStrapi
	}
	actions, err := readActions(ctx, tx, tables)
	if err != nil {
		return nil, err
	}
	err = each(ctx, tx, `SELECT * FROM `+tokensTable+` ORDER BY name`, func(row map[string]any) error {
		expiry, err := moment(row["expires_at"])
		if err != nil {
			return fmt.Errorf("token %q: %w", text(row["name"]), err)
		}
		tokens = append(tokens, admin.StrapiToken{
			Name: text(row["name"]), Description: text(row["description"]), Type: text(row["type"]),
			Hash: text(row["access_key"]), Expiry: expiry, Actions: actions[text(row["id"])],
		})
		return nil
	})
	return tokens, err
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
	if _, err := os.Stat(path); err != nil { // SQLite says less
		if strings.ContainsAny(source, "@=;") { // it may be no path
			return nil, errors.Join(errSource, errors.Unwrap(err))
		}
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}
	return sql.Open("sqlite", u.String())
}

func tablesOf(ctx context.Context, tx *sql.Tx, postgres bool) (names []string, err error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if postgres {
		query = `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false))`
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
	columns, err := rows.Columns()
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
		for i, name := range columns {
			row[name] = values[i]
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

// moment reads a time, of which the zero one stands for none.
func moment(value any) (time.Time, error) {
	t, err := readMoment(value)
	if err == nil && t.IsZero() && value != nil {
		return time.Time{}, errors.New("the year 1 is no time")
	}
	return t, err
}

// readMoment knows that in SQLite Strapi keeps milliseconds since 1970.
func readMoment(value any) (time.Time, error) {
	switch v := value.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return v.UTC(), nil
	case int64:
		return time.UnixMilli(v).UTC(), nil
	case float64:
		return time.UnixMilli(int64(v)).UTC(), nil
	}
	s := text(value)
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}
