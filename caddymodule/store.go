package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// StoreConfig says where tokens are kept.
type StoreConfig struct {
	// Driver is sqlite, which is also the default.
	Driver string `json:"driver,omitempty"`
	// Source is the path of the SQLite file; by default tokenreeve/tokens.db in
	// Caddy's data folder. Placeholders such as {env.NAME} are filled in when
	// the configuration is loaded.
	Source string `json:"source,omitempty"`
	// Origin is the line that this was written in, for errors.
	Origin string `json:"origin,omitempty"`

	resolved bool
}

const driverSQLite = "sqlite"

// resolve fills in defaults and placeholders, or says which are unknown.
func (c StoreConfig) resolve() (StoreConfig, error) {
	if c.resolved { // placeholders in a value are text
		return c, nil
	}
	c.resolved = true
	if c.Driver == "" {
		c.Driver = driverSQLite
	}
	if c.Driver != driverSQLite {
		return c, fmt.Errorf("%q is not a store; use sqlite", c.Driver)
	}
	if c.Source == "" {
		c.Source = filepath.Join(caddy.AppDataDir(), "tokenreeve", "tokens.db")
		return c, nil
	}
	source, err := caddy.NewReplacer().ReplaceOrErr(c.Source, true, true)
	if err != nil {
		return c, fmt.Errorf("store %s: %w", c.Driver, err)
	}
	c.Source = source
	return c, nil
}

// open opens the store, migrating it if needed.
func (c StoreConfig) open(ctx context.Context) (store.Store, error) {
	c, err := c.resolve()
	if err != nil {
		return nil, c.located(err)
	}
	opened, err := sqlite.Open(ctx, c.Source)
	if err != nil {
		return nil, c.located(err)
	}
	return opened, nil
}

// located adds the line of the configuration to an error, if there is one: the
// default store stands in no line.
func (c *StoreConfig) located(err error) error {
	if c == nil || c.Origin == "" {
		return err
	}
	return fmt.Errorf("%w, at %s", err, c.Origin)
}

// lookup makes the gate's look-up of a store.
func lookup(s store.Store) gate.Lookup {
	return func(ctx context.Context, digest token.Digest) (token.Token, time.Time, error) {
		found, err := s.Lookup(ctx, digest)
		switch {
		case err == nil:
			return found.Token, found.SecretExpiry, nil
		case errors.Is(err, store.ErrNotFound):
			err = gate.ErrUnknown
		case errors.Is(err, store.ErrUnreadable):
			err = kindError{gate.ErrUnreadable, err}
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
			err = kindError{gate.ErrUnavailable, err}
		}
		return token.Token{}, time.Time{}, err
	}
}

// kindError is an error of the store with the kind that the gate knows it by.
type kindError struct{ kind, err error }

func (e kindError) Error() string   { return e.err.Error() }
func (e kindError) Unwrap() []error { return []error{e.kind, e.err} }
