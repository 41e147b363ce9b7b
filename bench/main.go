//go:build linux

// Command bench measures what Tokenreeve costs as a whole proxy: it runs pairs
// of gateways at the same time under the same load and prints their ratios.
// `go run ./bench -h` lists the flags; docs/performance.md has its last table.
//
// It runs on Linux alone: it pins processes to cores and reads their CPU clocks.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// The processes that the benchmark starts from its own binary. A backend and a
// load generator must not share a process (and a collector) with anything else.
var roles = map[string]func(context.Context, io.Reader, io.Writer) error{
	"backend": runBackend,
	"load":    runLoad,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is main with its surroundings as arguments, so that the test can play it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 1 {
		if role, ok := roles[args[0]]; ok {
			return role(ctx, stdin, stdout)
		}
	}
	opts, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(opts, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	report, err := b.measure(ctx)
	if err != nil {
		return err
	}
	text := report.markdown()
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if opts.write == "" {
		return nil
	}
	return report.write(opts.write)
}

// options are the flags.
type options struct {
	rounds     int
	window     time.Duration // one of the windowsPerRound
	warmup     time.Duration
	conns      int // connections of each load generator
	pinned     bool
	only       *regexp.Regexp // rows to measure
	stock      string         // ready binaries; built if empty
	tokenreeve string
	flood      int64 // unknown tokens
	floodRate  float64
	knownRate  float64
	tokens     int // tokens in use in the last-use rows
	stored     int // tokens in Postgres
	write      string
	list       bool
	quick      bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var cores, only string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 8, "rounds of each pair; each starts fresh processes")
	f.DurationVar(&o.window, "window", time.Second, "length of one measured window; a round has eight, with the cores swapped between them")
	f.DurationVar(&o.warmup, "warmup", 1200*time.Millisecond, "load before the first window of a round")
	f.IntVar(&o.conns, "conns", 16, "connections of each load generator")
	f.StringVar(&cores, "cores", "one", "one: each side has a core of its own, with its load and its backend; all: both sides share all cores")
	f.StringVar(&only, "only", "", "measure only the rows whose key matches this regular expression (see -list)")
	f.StringVar(&o.stock, "stock", "", "a ready stock Caddy, instead of building ./bench/stockcaddy")
	f.StringVar(&o.tokenreeve, "tokenreeve", "", "a ready tokenreeve, instead of building ./cmd/tokenreeve")
	f.Int64Var(&o.flood, "flood", 60_000, "different unknown tokens in the flood; the gateway lets 500 a second for each core through")
	f.Float64Var(&o.floodRate, "flood-rate", 8000, "requests per second of the flood; 0 is as many as go through")
	f.Float64Var(&o.knownRate, "known-rate", 1000, "requests per second with known tokens beside the flood")
	f.IntVar(&o.tokens, "tokens", 10_000, "tokens in use when last-use writes are measured, and in the table of the pages")
	f.IntVar(&o.stored, "stored", 1_000_000, "tokens in Postgres")
	f.StringVar(&o.write, "write", "", "also write the tables between their markers in this file")
	f.BoolVar(&o.list, "list", false, "list the rows and end")
	f.BoolVar(&o.quick, "quick", false, "a smoke run of seconds that shows the harness works; its numbers mean nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see -h", f.Arg(0))
	}
	if cores != "one" && cores != "all" {
		return o, fmt.Errorf("-cores is %q; use one or all", cores)
	}
	o.pinned = cores == "one"
	if o.quick {
		o.rounds, o.window, o.warmup = 1, 250*time.Millisecond, 200*time.Millisecond
		o.flood, o.tokens, o.stored = min(o.flood, 2000), min(o.tokens, 100), min(o.stored, 4000)
		if o.write != "" {
			return o, errors.New("-quick judges nothing, so it can't be combined with -write")
		}
	}
	if o.stored < 20*o.tokens {
		return o, errors.New("-stored must be at least 20 times -tokens")
	}
	if o.rounds < 1 || o.conns < 1 || o.tokens < 1 || o.window <= 0 || o.warmup < 0 || o.knownRate <= 0 {
		return o, errors.New("-rounds, -conns, -tokens, -window, -warmup and -known-rate must be positive")
	}
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	return o, nil
}
