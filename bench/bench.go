//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	opts       options
	stderr     io.Writer
	dir        string // everything that is written is in here
	self       string // this binary, for its other roles
	stock      string
	tokenreeve string
	cores      [2]int // of the sides; -1 for all
	storeDir   string
	secrets    secrets
	basicHash  string
	busy       []time.Duration // of the machine, in the windows of the round at hand
	others     []float64       // share of the machine that others used, by window
}

func newBench(opts options, stderr io.Writer) (*bench, error) {
	b := &bench{opts: opts, stderr: stderr, cores: [2]int{-1, -1}}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if opts.pinned {
		if b.cores, err = twoCores(); err != nil {
			return nil, err
		}
	}
	b.dir, err = os.MkdirTemp("", "tokenreeve-bench-")
	return b, err
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(b.stderr, format, args...) }

// floodKey is the row that is no pair.
const floodKey = "flood"

func (b *bench) selected() (pairs []pair, flood bool) {
	pairs = slices.DeleteFunc(b.pairs(), func(p pair) bool { return !b.opts.only.MatchString(p.key) })
	return pairs, b.opts.only.MatchString(floodKey)
}

// listRows describes all rows.
func (b *bench) listRows() (list []string) {
	row := func(key, what string) { list = append(list, fmt.Sprintf("%-16s %s", key, what)) }
	for _, p := range b.pairs() {
		row(p.key, p.what)
	}
	row(floodKey, "a flood of unknown tokens beside known ones")
	row(aloneKey, "the decision alone, without a proxy")
	for _, p := range postgresRows {
		row(p.key, p.what)
	}
	row(pagesKey, "how long the pages take with many tokens, on SQLite and on Postgres")
	return list
}

// measure does everything that the flags ask for.
func (b *bench) measure(ctx context.Context) (*report, error) {
	pairs, flood := b.selected()
	r := &report{opts: b.opts}
	if b.opts.list {
		r.list = b.listRows()
		return r, nil
	}
	alone := b.opts.only.MatchString(aloneKey)
	if len(pairs) == 0 && !flood && !alone && !b.wantsStores() {
		return nil, errors.New("-only matches no row; see -list")
	}
	if err := b.prepare(ctx, pairs, flood); err != nil {
		return nil, err
	}
	if err := b.measureStores(ctx, r); err != nil { // first, since Postgres may not be here
		return nil, err
	}
	r.machine = describeMachine(b.opts)
	pairs, _ = b.selected() // now with the secrets
	for _, p := range pairs {
		o, err := b.measurePair(ctx, p)
		if err != nil {
			return nil, err
		}
		r.outcomes = append(r.outcomes, o)
	}
	if flood {
		var err error
		if r.flood, err = b.measureFlood(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", floodKey, err)
		}
	}
	if alone {
		var err error
		if r.alone, err = b.measureAlone(ctx); err != nil {
			return nil, err
		}
	}
	r.others = spreadOf(b.others)
	return r, nil
}

// wantsStores reports whether any row is about what a gateway does with its store.
func (b *bench) wantsStores() bool {
	return b.wantsPostgres() || b.opts.only.MatchString(pagesKey)
}

func (b *bench) measureStores(ctx context.Context, r *report) (err error) {
	if b.wantsPostgres() {
		if r.postgres, err = b.measurePostgres(ctx); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
	}
	if b.opts.only.MatchString(pagesKey) {
		if r.pages, err = b.measurePages(ctx); err != nil {
			return fmt.Errorf("%s: %w", pagesKey, err)
		}
	}
	return nil
}

// prepare builds and sets up what the rows need.
func (b *bench) prepare(ctx context.Context, pairs []pair, flood bool) error {
	uses := func(test func(side) bool) bool {
		return slices.ContainsFunc(pairs, func(p pair) bool { return test(p.a) || test(p.b) })
	}
	needsOurs := flood || b.wantsStores() || uses(func(s side) bool { return !s.stock })
	needsStock := uses(func(s side) bool { return s.stock })
	if err := b.build(ctx, needsStock, needsOurs); err != nil {
		return err
	}
	if flood || b.opts.only.MatchString(postgresNear) || uses(func(s side) bool { return s.gate }) {
		if err := b.prepareStore(ctx); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(pairs, func(p pair) bool { return p.key == "basic-auth" }) {
		hash, err := b.output(ctx, b.tokenreeve, "hash-password", "--algorithm", "bcrypt", "--plaintext", basicPassword)
		if err != nil {
			return fmt.Errorf("hashing a password: %w", err)
		}
		b.basicHash = hash
	}
	return nil
}

// build makes the binaries that are needed and were not given, both at once.
func (b *bench) build(ctx context.Context, stock, ours bool) error {
	b.stock, b.tokenreeve = b.opts.stock, b.opts.tokenreeve
	var errs [2]error
	var builds sync.WaitGroup
	builds.Go(func() {
		if stock {
			errs[0] = b.buildOne(ctx, "./bench/stockcaddy", &b.stock)
		}
	})
	builds.Go(func() {
		if ours {
			errs[1] = b.buildOne(ctx, "./cmd/tokenreeve", &b.tokenreeve)
		}
	})
	builds.Wait()
	return errors.Join(errs[:]...)
}

func (b *bench) buildOne(ctx context.Context, pkg string, binary *string) error {
	if *binary != "" {
		abs, err := filepath.Abs(*binary)
		*binary = abs
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	b.progress("building %s\n", pkg)
	*binary = filepath.Join(b.dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", *binary, pkg) //nolint:gosec // G204: a fixed command
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// moduleRoot is the nearest folder upwards with a go.mod; a test runs in bench.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above; run it from the repository's root")
		}
		dir = parent
	}
}
