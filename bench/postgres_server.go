//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
)

// database is a Postgres server with two stores: one with many tokens, and one
// with few.
type database struct {
	server      *pgtest.Server
	stats       *pgx.Conn // to a database of its own, so that it does not count itself
	full, small string    // where the stores are
	far         *farAway  // leads to the first
	secrets     []string  // of the first; the second has the first of them alone
	used        int       // how many of them were in requests
	about       string
}

// serverSettings make the server like one of Debian's packages with some memory:
// pgtest's own is for tests and writes nothing through to the disk.
var serverSettings = []string{
	"shared_preload_libraries = 'pg_stat_statements'", "shared_buffers = '256MB'", "max_wal_size = '4GB'",
	"fsync = on", "full_page_writes = on", "autovacuum_naptime = '1min'",
}

func (b *bench) newDatabase(ctx context.Context) (d *database, err error) {
	d = new(database)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.server, err = pgtest.New(""); err != nil {
		return d, err
	}
	for _, setting := range serverSettings {
		if err := d.server.Exec("postgres", "ALTER SYSTEM SET "+setting); err != nil {
			return d, err
		}
	}
	if err := d.server.Restart(); err != nil {
		return d, err
	}
	if err := d.server.Exec("postgres", "CREATE EXTENSION pg_stat_statements"); err != nil {
		return d, err
	}
	if d.stats, err = pgx.Connect(ctx, d.server.DSN("postgres", pgtest.Superuser)); err != nil {
		return d, err
	}
	return d, b.fill(ctx, d)
}

func (d *database) close() error {
	var errs []error
	if d.far != nil {
		errs = append(errs, d.far.close())
	}
	if d.stats != nil {
		errs = append(errs, d.stats.Close(context.Background()))
	}
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	return errors.Join(errs...)
}

// fill makes both stores.
func (b *bench) fill(ctx context.Context, d *database) error {
	b.progress("importing %d tokens into Postgres\n", b.opts.stored)
	begin := time.Now()
	dsn, first, err := d.newStore(ctx, b.opts.stored, nil)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	d.full = dsn
	if d.small, _, err = d.newStore(ctx, 1, &first); err != nil {
		return err
	}
	if d.far, err = startFarAway(ctx, d.server.Addr(), farDelay); err != nil {
		return err
	}
	var version, size string
	err = d.stats.QueryRow(ctx, `SELECT current_setting('server_version'), pg_size_pretty(pg_database_size($1))`, nameIn(dsn)).Scan(&version, &size)
	d.about = fmt.Sprintf("Postgres %s on the same machine and cores, with the package's settings but for 256 MB of shared_buffers; %d tokens, imported in %.0f s, take %s.\n",
		version, len(d.secrets), took.Seconds(), size)
	return err
}

// newStore makes a store with n tokens, or with the given one, and returns the
// first.
func (d *database) newStore(ctx context.Context, n int, given *store.Record) (dsn string, first store.Record, err error) {
	name, err := d.server.CreateDatabase()
	if err != nil {
		return "", first, err
	}
	dsn = d.server.DSN(name, pgtest.Superuser)
	s, err := postgres.Open(ctx, postgres.Config{DSN: dsn})
	if err != nil {
		return "", first, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	random, now := bufio.NewReader(rand.Reader), time.Now().UTC().Truncate(time.Millisecond)
	err = s.Import(ctx, func(yield func(store.Record, error) bool) {
		if given != nil {
			yield(*given, nil)
			return
		}
		d.secrets = d.secrets[:0]
		for i := range n {
			text, record, err := newRecord(random, fmt.Sprintf("seed-%d", i), now)
			if i == 0 {
				first = record
			}
			d.secrets = append(d.secrets, text)
			if !yield(record, err) || err != nil {
				return
			}
		}
	})
	if err != nil {
		return "", first, err
	}
	return dsn, first, d.vacuum(ctx, dsn)
}

// vacuum does what autovacuum would do in the middle of the first row.
func (d *database) vacuum(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// nameIn is the name of the database in a connection string of pgtest.
func nameIn(dsn string) string {
	path, _, _ := strings.Cut(dsn, "?")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// serverLoad is what the server did for the gateways over some time.
type serverLoad struct {
	seconds                        float64
	calls, rows                    float64 // of all statements
	lookups, useWrites, usedTokens float64 // statements, and rows of the last ones
	walBytes                       float64
	writing                        float64 // milliseconds in the statements that write uses
	cpu                            time.Duration
}

// The number of look-ups leaves out those by which a gateway finds out whether the store
// answers: it asks for the time with each of them.
const serverStatistics = `SELECT coalesce(sum(calls), 0)::float8, coalesce(sum(rows), 0)::float8,
	(coalesce(sum(calls) FILTER (WHERE query LIKE '%FROM secrets s JOIN tokens t%'), 0)
		- coalesce(sum(calls) FILTER (WHERE query = 'SELECT clock_timestamp()'), 0))::float8,
	coalesce(sum(calls) FILTER (WHERE query LIKE '%INSERT INTO usage AS %'), 0)::float8,
	coalesce(sum(rows) FILTER (WHERE query LIKE '%INSERT INTO usage AS %'), 0)::float8,
	coalesce(sum(wal_bytes), 0)::float8,
	coalesce(sum(total_exec_time) FILTER (WHERE query LIKE '%INSERT INTO usage AS %'), 0)::float8
	FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1`

// watch returns what the server does in a database while do runs.
func (d *database) watch(ctx context.Context, dsn string, do func() error) (serverLoad, error) {
	var l serverLoad
	if _, err := d.stats.Exec(ctx, `SELECT pg_stat_statements_reset()`); err != nil {
		return l, err
	}
	before, err := d.cpu()
	if err != nil {
		return l, err
	}
	begin := time.Now()
	if err := do(); err != nil {
		return l, err
	}
	l.seconds = time.Since(begin).Seconds()
	after, err := d.cpu()
	if err != nil {
		return l, err
	}
	l.cpu = after - before
	err = d.stats.QueryRow(ctx, serverStatistics, nameIn(dsn)).Scan(&l.calls, &l.rows, &l.lookups, &l.useWrites, &l.usedTokens, &l.walBytes, &l.writing)
	return l, err
}

// cpu is the CPU time of the server.
func (d *database) cpu() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(d.server.SocketDir(), "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0, err
	}
	return treeCPU(pid)
}
