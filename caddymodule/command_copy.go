package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

const (
	copyName = "copy"

	// Tables can be large. A database that hangs is given up earlier: while it is
	// opened, and when no token was copied for a while. Import writes thousands of
	// them at once, and has a limit of its own for rows.
	migrateTimeout = 30 * time.Minute
	copyTimeout    = 2 * time.Hour
	copyPatience   = 6 * time.Minute

	// flagPoll is for stores that flags name. They come without the configuration,
	// which says whether there is a pooler. Nothing is polled: no command watches.
	flagPoll = time.Second
)

// errStalled says so in place of "context canceled".
var errStalled = fmt.Errorf("%w: nothing was read or written for %v", store.ErrUnavailable, copyPatience)

// movingStore tells of each token that it exports.
type movingStore struct {
	store.Store
	moved func()
}

// Export implements store.Store.
func (s movingStore) Export(ctx context.Context, yield func(store.Record) error) error {
	return s.Store.Export(ctx, func(r store.Record) error {
		s.moved()
		return yield(r)
	})
}

// copyMoving copies until nothing moves any more.
func copyMoving(ctx context.Context, from, to store.Store) (n int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(copyPatience, func() { cancel(errStalled) })
	defer timer.Stop()
	n, err = store.Copy(ctx, movingStore{from, func() { timer.Reset(copyPatience) }}, to)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errStalled) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return n, err
}

func copyCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   copyName + " --from <store> --to <store>",
		Short: "Copies all tokens into an empty store of either kind",
		Long: `Copies all tokens, with their secrets and counts, drafts, accounts, roles, the
audit trail and what the gateways protect into a store that has no tokens,
drafts, accounts and roles of its own yet: all or nothing. Sessions stay behind.
A store is sqlite:<path> or postgres:<dsn>. Passwords belong behind a
placeholder, such as {env.NAME} or {file.PATH}, since arguments show in process
lists.

Changes that are made in the old store during or after the copy are not in the
new one: stop the gateways, or change no tokens, until they use the new store.`,
		Example: `  caddy api-tokens copy --from sqlite:/var/lib/tokenreeve/tokens.db --to postgres:{env.DATABASE_URL}`,
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return oneLine(o.copy(cmd)) },
	}
	cmd.Flags().StringVar(&o.from, "from", "", "Store to read: sqlite:<path> or postgres:<dsn>")
	cmd.Flags().StringVar(&o.to, "to", "", "Store to fill: sqlite:<path> or postgres:<dsn>")
	return cmd
}

func (o *options) copy(cmd *cobra.Command) (err error) {
	fromConfig, err := parseStoreFlag("from", o.from)
	if err != nil {
		return err
	}
	toConfig, err := parseStoreFlag("to", o.to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), copyTimeout)
	defer cancel()
	from, err := openSource(ctx, fromConfig)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openWithin(ctx, toConfig)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	n, err := copyMoving(ctx, from, to)
	if errors.Is(err, store.ErrNotEmpty) {
		return fmt.Errorf("--to: %w, and nothing was copied; use a new one", err)
	}
	if err != nil && n == 0 {
		return fmt.Errorf("nothing was copied: %w", err)
	}
	if err != nil { // it says what is there and what isn't
		return err
	}
	return o.reportCopy(cmd, n)
}

// openSource opens the store to read. It makes none: there would be nothing to copy.
func openSource(ctx context.Context, c StoreConfig) (store.Store, error) {
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	missing, err := c.missing(opening)
	if err != nil {
		return nil, err
	}
	if missing != "" {
		return nil, fmt.Errorf("there is no token store %s", missing)
	}
	return c.open(opening)
}

func openWithin(ctx context.Context, c StoreConfig) (store.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return c.open(ctx)
}

func (o *options) reportCopy(cmd *cobra.Command, n int) error {
	if o.json {
		s := session{options: o, cmd: cmd, out: cmd.OutOrStdout()}
		return s.printJSON(struct {
			Copied int `json:"copied"`
		}{n})
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "copied: %s\n", admin.Count(n, "token")); err != nil {
		return err
	}
	_, err := fmt.Fprintln(cmd.ErrOrStderr(), "Changes and uses that gateways or commands make in the old store from now on are not in the new one.")
	return err
}

// parseStoreFlag reads a store as flags name it. Its errors don't repeat it,
// since it may hold a password.
func parseStoreFlag(flag, text string) (StoreConfig, error) {
	driver, source, _ := strings.Cut(text, ":")
	c := StoreConfig{Driver: driver, Source: source, poll: flagPoll}
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") {
		c.Driver, c.Source = driverPostgres, text
	}
	if (c.Driver != driverSQLite && c.Driver != driverPostgres) || c.Source == "" {
		return c, fmt.Errorf("--%s takes a store, written sqlite:<path> or postgres:<dsn>", flag)
	}
	if err := c.check(); errors.Is(err, errPasswordShown) {
		return c, fmt.Errorf("--%s has a password in it, which shows in process lists; write postgres:{env.NAME} or postgres:{file.PATH}, or leave it to PGPASSFILE", flag)
	} else if err != nil {
		return c, fmt.Errorf("--%s: %w", flag, err)
	}
	return c, nil
}
