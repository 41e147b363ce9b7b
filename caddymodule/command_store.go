package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
)

// openStore opens the store of a command. Where there is none, a command that
// looks for tokens fails: it would make an empty store, and the folder or the
// configuration is the wrong one, most likely. Others get one that is made with
// their first change, and made says where.
func (o *options) openStore(ctx context.Context, c StoreConfig) (opened store.Store, made string, err error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	missing, err := c.missing(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case missing == "":
		opened, err = c.open(ctx)
		return opened, "", err
	case !o.makesStore:
		return nil, "", fmt.Errorf("there is no token store %s; name the configuration of the gateway with --config, or create a token first", missing)
	}
	opened, err = newUnmadeStore(ctx, c)
	return opened, missing, err
}

// missing says where there is no store yet; it returns nothing if there is one.
func (c StoreConfig) missing(ctx context.Context) (where string, err error) {
	c, err = c.resolve()
	if err != nil {
		return "", c.located(err)
	}
	if c.Driver == driverPostgres {
		status, err := postgres.ReadStatus(ctx, c.connection())
		if err != nil || status.Version > 0 {
			return "", c.located(err)
		}
		return "in the Postgres database", nil
	}
	if _, err := os.Stat(c.Source); !errors.Is(err, fs.ErrNotExist) {
		return "", nil // what else may be wrong is said when it is opened
	}
	path, err := filepath.Abs(c.Source)
	return "at " + path, err
}

// unmadeStore stands for a store that is not there yet: an empty one in a
// temporary folder. A change is tried on that one first, so that one that is
// refused makes no store.
type unmadeStore struct {
	store.Store
	config StoreConfig
	folder string
	made   bool
}

func newUnmadeStore(ctx context.Context, c StoreConfig) (*unmadeStore, error) {
	folder, err := os.MkdirTemp("", "tokenreeve-*")
	if err != nil {
		return nil, err
	}
	temporary, err := sqlite.Open(ctx, filepath.Join(folder, "tokens.db"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return &unmadeStore{Store: temporary, config: c, folder: folder}, nil
}

// Change implements store.Store: fn may run more than once.
func (s *unmadeStore) Change(ctx context.Context, fn func(tx store.Tx) error) error {
	if err := s.Store.Change(ctx, fn); err != nil || s.made {
		return err
	}
	made, err := s.config.open(ctx)
	if err != nil {
		return err
	}
	temporary := s.Store
	s.Store, s.made = made, true
	return errors.Join(made.Change(ctx, fn), temporary.Close())
}

// Close implements store.Store.
func (s *unmadeStore) Close() error {
	return errors.Join(s.Store.Close(), os.RemoveAll(s.folder))
}
