package caddymodule

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/store/postgres"
)

func migrateCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate [--status] [--store <store>]",
		Short: "Brings the tables of a Postgres store up to date",
		Long: `Brings the tables of a Postgres store up to date. A gateway does so itself when
it starts, if its role may; this is for those whose role may not. --store names
the store by another role than that of the configuration.

With --status it changes nothing, and ends with code 0 whether the tables are up
to date or not.`,
		Example: `  caddy api-tokens migrate --store postgres:{env.OWNER_URL}
  caddy api-tokens migrate --status --json`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return oneLine(o.migrate(cmd)) },
	}
	cmd.Flags().BoolVar(&o.statusOnly, "status", false, "Only say which version the tables have")
	cmd.Flags().StringVar(&o.store, "store", "", "Store to use, such as postgres:{env.OWNER_URL}, instead of the configuration's")
	return cmd
}

// migration is what migrate prints for scripts.
type migration struct {
	Version  int  `json:"version"`
	Needed   int  `json:"needed"`
	UpToDate bool `json:"up_to_date"`
	Migrated bool `json:"migrated"`
}

func (o *options) migrate(cmd *cobra.Command) error {
	c, err := o.storeToMigrate()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), migrateTimeout)
	defer cancel()
	m, err := o.bringUpToDate(ctx, c.connection())
	if err != nil {
		return c.located(err)
	}
	s := session{options: o, cmd: cmd, out: cmd.OutOrStdout()}
	if o.json {
		return s.printJSON(m)
	}
	_, err = fmt.Fprintln(s.out, m.sentence())
	return err
}

// storeToMigrate is the one that a flag or the configuration names.
func (o *options) storeToMigrate() (c StoreConfig, err error) {
	if o.store != "" {
		c, err = parseStoreFlag("store", o.store)
	} else {
		var config gatewayConfig
		config, err = readConfig(o.config, o.adapter)
		c = config.store
	}
	if err == nil {
		c, err = c.resolve()
	}
	if err == nil && c.Driver != driverPostgres {
		err = errors.New("migrate is for store postgres; a SQLite file is brought up to date by whatever opens it")
	}
	return c, c.located(err)
}

func (o *options) bringUpToDate(ctx context.Context, c postgres.Config) (migration, error) {
	asking, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	status, err := postgres.ReadStatus(asking, c)
	m := migration{Version: status.Version, Needed: status.Needed, UpToDate: status.Version == status.Needed}
	if err != nil || o.statusOnly {
		return m, err
	}
	from, to, err := postgres.Migrate(ctx, c)
	return migration{Version: to, Needed: status.Needed, UpToDate: to == status.Needed, Migrated: from != to}, err
}

func (m migration) sentence() string {
	switch {
	case m.Migrated:
		return fmt.Sprintf("migrated: the tables have version %d now", m.Version)
	case m.UpToDate:
		return fmt.Sprintf("up to date: the tables have version %d", m.Version)
	case m.Version > m.Needed:
		return fmt.Sprintf("too new: the tables have version %d, this program knows %d; upgrade it", m.Version, m.Needed)
	case m.Version == 0:
		return fmt.Sprintf("not there: the database has no tables of Tokenreeve yet; this program needs version %d", m.Needed)
	default:
		return fmt.Sprintf("too old: the tables have version %d, this program needs %d", m.Version, m.Needed)
	}
}
