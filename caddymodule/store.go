package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// StoreConfig says where tokens are kept.
type StoreConfig struct {
	// Driver is sqlite, which is also the default, or postgres.
	Driver string `json:"driver,omitempty"`
	// Source is the path of the SQLite file, by default tokenreeve/tokens.db in
	// Caddy's data folder, or how to connect to Postgres: a URL or key=value
	// pairs, as libpq reads them. Placeholders such as {env.NAME} and {file.PATH}
	// are filled in when the configuration is loaded. A password must be behind
	// one of them, since Caddy shows its configuration to whoever may ask for it.
	Source string `json:"source,omitempty"`
	// Origin is the line that this was written in, for errors.
	Origin string `json:"origin,omitempty"`

	// poll is how often Postgres is asked for changes; zero is to listen for
	// them, which no pooler can pass on.
	poll     time.Duration
	resolved bool
}

const (
	driverSQLite   = "sqlite"
	driverPostgres = "postgres"
)

// check refuses what can't be right whatever the placeholders stand for. Its
// errors don't repeat the source, which may hold a password.
func (c StoreConfig) check() error {
	switch c.Driver {
	case "", driverSQLite:
		return nil
	case driverPostgres:
	default:
		return fmt.Errorf("%q is not a store; use sqlite or postgres", c.Driver)
	}
	if c.Source == "" {
		return errors.New("store postgres needs to know how to connect; write for example: store postgres {env.DATABASE_URL}")
	}
	if hasPassword(c.Source) {
		return errPasswordShown
	}
	return nil
}

// resolve fills in defaults and placeholders, or says which are unknown.
func (c StoreConfig) resolve() (StoreConfig, error) {
	if c.resolved { // placeholders in a value are text
		return c, nil
	}
	if err := c.check(); err != nil {
		return c, err
	}
	c.resolved = true
	if c.Driver == "" {
		c.Driver = driverSQLite
	}
	if c.Source == "" {
		c.Source = filepath.Join(caddy.AppDataDir(), "tokenreeve", "tokens.db")
		return c, nil
	}
	source, err := caddy.NewReplacer().ReplaceOrErr(c.Source, true, true)
	if err != nil {
		return c, fmt.Errorf("store %s: %w", c.Driver, err)
	}
	if c.Driver == driverPostgres {
		source = strings.TrimSpace(source) // files end with a newline
	}
	c.Source = source
	return c, nil
}

// connection is how the Postgres driver gets to the store.
func (c StoreConfig) connection() postgres.Config {
	return postgres.Config{DSN: c.Source, Poll: c.poll}
}

// open opens the store, migrating it if needed.
func (c StoreConfig) open(ctx context.Context) (opened store.Store, err error) {
	if c, err = c.resolve(); err != nil {
		return nil, c.located(err)
	}
	if c.Driver == driverPostgres {
		opened, err = postgres.Open(ctx, c.connection())
	} else {
		opened, err = sqlite.Open(ctx, c.Source)
	}
	if err != nil {
		return nil, c.located(err)
	}
	return opened, nil
}

// located adds the line of the configuration to an error, if there is one: the
// default store stands in no line.
func (c *StoreConfig) located(err error) error {
	if err == nil || c == nil || c.Origin == "" {
		return err
	}
	return fmt.Errorf("%w, at %s", err, c.Origin)
}

// lookup is the gate's look-up.
func (rt *runtime) lookup(ctx context.Context, digest token.Digest) (token.Token, time.Time, error) {
	s, err := rt.opened()
	if err != nil {
		return token.Token{}, time.Time{}, kindError{gate.ErrUnavailable, err}
	}
	found, err := s.Lookup(ctx, digest)
	switch {
	case err == nil:
		return found.Token, found.SecretExpiry, nil
	case errors.Is(err, store.ErrNotFound):
		err = gate.ErrUnknown
	case errors.Is(err, store.ErrUnreadable):
		err = kindError{gate.ErrUnreadable, err}
	case isAway(err):
		err = kindError{gate.ErrUnavailable, err}
	}
	return token.Token{}, time.Time{}, err
}

// isAway reports whether an error says that the store can't be reached, or did
// not answer in time, as opposed to being broken.
func isAway(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// kindError is an error of the store with the kind that the gate knows it by.
type kindError struct{ kind, err error }

func (e kindError) Error() string   { return e.err.Error() }
func (e kindError) Unwrap() []error { return []error{e.kind, e.err} }
