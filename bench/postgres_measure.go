//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tokenreeve/tokenreeve/store/postgres"
	"github.com/tokenreeve/tokenreeve/token"
)

// onGateway runs do with a gateway that has all cores.
func (b *bench) onGateway(ctx context.Context, s side, do func(l *lane) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.forgetGateways()
	l, err := b.startLane(ctx, s, -1)
	if err != nil {
		return err
	}
	defer l.stop()
	return do(l)
}

// measureStart starts gateways in turn on the store with many tokens and on the
// one with a single token.
func (b *bench) measureStart(ctx context.Context, d *database, r *postgresReport) error {
	var times, rows [2][]float64
	var ratios []float64
	for n := range b.opts.rounds {
		for i := range 2 {
			at := (i + n) % 2
			dsn := [2]string{d.small, d.full}[at]
			l, err := d.watch(ctx, dsn, func() error {
				return b.onGateway(ctx, d.side("start", dsn, "", d.secrets[:1]), func(l *lane) error {
					times[at] = append(times[at], milliseconds(l.ready))
					return nil
				})
			})
			if err != nil {
				return err
			}
			rows[at] = append(rows[at], l.rows)
		}
		ratios = append(ratios, times[1][n]/times[0][n])
	}
	ratio := spreadOf(ratios)
	one, all := "a store with one token", fmt.Sprintf("with %d tokens", len(d.secrets))
	r.rows = append(r.rows, postgresRow{
		"a gateway's start, until a request with a token is answered",
		fmt.Sprintf("%s: %.0f ms", one, spreadOf(times[0]).median), fmt.Sprintf("%s: %.0f ms", all, spreadOf(times[1]).median),
		fmt.Sprintf("%.3f (%.3f–%.3f)", ratio.median, ratio.low, ratio.high),
	})
	r.compare("rows that Postgres handed out for that", "", one, spreadOf(rows[0]).median, all, spreadOf(rows[1]).median)
	return nil
}

// measureCold compares tokens that are not in memory with one that is, and looks
// what the driver and Postgres have in that.
func (b *bench) measureCold(ctx context.Context, d *database, r *postgresReport) error {
	n := d.share(50, 10_000)
	known := d.secrets[:1]
	err := b.onGateway(ctx, d.side("gateway", d.full, "", known), func(l *lane) error {
		rate := b.opts.knownRate
		for _, warm := range []int{n / 4, n / 4} { // connections, and the code of the way
			secrets, err := d.fresh(warm)
			if err != nil {
				return err
			}
			if _, err := b.drive(ctx, l, secrets, warm, rate); err != nil {
				return err
			}
		}
		inMemory, err := b.drive(ctx, l, known, n, rate)
		if err != nil {
			return err
		}
		cold, err := b.driveFresh(ctx, d, l, n, rate)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("requests through a gateway, %.0f a second: ", rate)
		r.compare(what+"p50", "ms", "token in memory", milliseconds(inMemory.P50), "not in memory", milliseconds(cold.P50))
		r.compare(what+"p99", "ms", "token in memory", milliseconds(inMemory.P99), "not in memory", milliseconds(cold.P99))
		r.compare(what+"the gateway's CPU for each", "µs", "token in memory", inMemory.cpuPerRequest(), "not in memory", cold.cpuPerRequest())
		if cold, err = b.driveFresh(ctx, d, l, 2*n, 0); err != nil {
			return err
		}
		r.single("tokens not in memory, as fast as they go through one gateway beside Postgres", "%.0f requests a second, %d were answered 503 first", cold.perSecond(), cold.Repeated)
		return nil
	})
	if err != nil {
		return err
	}
	return b.measureDriver(ctx, d, r, n)
}

func (b *bench) driveFresh(ctx context.Context, d *database, l *lane, n int, rate float64) (measured, error) {
	secrets, err := d.fresh(n)
	if err != nil {
		return measured{}, err
	}
	return b.drive(ctx, l, secrets, n, rate)
}

// measureDriver looks up tokens without a gateway.
func (b *bench) measureDriver(ctx context.Context, d *database, r *postgresReport, n int) error {
	near, _, _, err := d.lookUp(ctx, d.full, n/2, 1)
	if err != nil {
		return err
	}
	far, _, _, err := d.lookUp(ctx, d.far.leadTo(d.full), n/10, 1)
	if err != nil {
		return err
	}
	const name = "the driver's Lookup alone, one after the other: "
	r.compare(name+"p50", "ms", "Postgres here", milliseconds(near.quantile(0.5)), "5 ms away", milliseconds(far.quantile(0.5)))
	r.compare(name+"p99", "ms", "Postgres here", milliseconds(near.quantile(0.99)), "5 ms away", milliseconds(far.quantile(0.99)))
	const connections = 4
	_, rate, cpu, err := d.lookUp(ctx, d.full, 2*n, connections)
	if err != nil {
		return err
	}
	r.single(fmt.Sprintf("the driver's Lookup, %d at a time", connections), "%.0f a second, each %.0f µs of Postgres's CPU", rate, cpu)
	return nil
}

// lookUp looks fresh tokens up, some at a time. It returns how long each took,
// how many there were a second, and the server's CPU time for each in
// microseconds.
func (d *database) lookUp(ctx context.Context, dsn string, n, atATime int) (took *histogram, rate, cpu float64, err error) {
	s, err := postgres.Open(ctx, postgres.Config{DSN: dsn})
	if err != nil {
		return nil, 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	secrets, err := d.fresh(n + atATime)
	if err != nil {
		return nil, 0, 0, err
	}
	took = new(histogram)
	run := func(secrets []string, h *histogram) error {
		var errs [64]error
		var all sync.WaitGroup
		for i := range atATime {
			all.Go(func() {
				for k := i; k < len(secrets) && errs[i] == nil; k += atATime {
					begin := time.Now()
					_, errs[i] = s.Lookup(ctx, token.Hash(secrets[k]))
					h.add(time.Since(begin))
				}
			})
		}
		all.Wait()
		return errors.Join(errs[:]...)
	}
	if err := run(secrets[n:], new(histogram)); err != nil { // makes the connections
		return nil, 0, 0, err
	}
	l, err := d.watch(ctx, d.full, func() error { return run(secrets[:n], took) })
	return took, float64(n) / l.seconds, l.cpu.Seconds() * 1e6 / float64(n), err
}

// inUseEvery is how often each token is used in measureUse.
const inUseEvery = 2500 * time.Millisecond

// used is a gateway with many tokens in use, and what came of it.
type used struct {
	name, dsn string
	ttl       time.Duration
	load      serverLoad
	requests  measured
	waited    float64 // requests a second that waited for a look-up
}

// measureUse uses many tokens for some time: with the usual cache_ttl and with a
// longer one; and with Postgres far away, on few connections and on more.
func (b *bench) measureUse(ctx context.Context, d *database, r *postgresReport) error {
	ttl, longer := 10*time.Second, time.Minute
	if b.opts.quick {
		ttl, longer = 400*time.Millisecond, 800*time.Millisecond
	}
	far := d.far.leadTo(d.full)
	for _, two := range [][2]*used{
		{{name: "cache_ttl " + ttl.String(), dsn: d.full, ttl: ttl}, {name: "cache_ttl " + longer.String(), dsn: d.full, ttl: longer}},
		{
			{name: "5 ms away, pool_max_conns=4", dsn: far + "&pool_max_conns=4", ttl: ttl},
			{name: "5 ms away, pool_max_conns=16", dsn: far + "&pool_max_conns=16", ttl: ttl},
		},
	} {
		for _, u := range two {
			if err := b.use(ctx, d, u); err != nil {
				return fmt.Errorf("%s: %w", u.name, err)
			}
		}
		compareUse(r, fmt.Sprintf("%d tokens in use, each every %s: ", b.opts.tokens, inUseEvery), two[0], two[1])
	}
	return nil
}

// use uses fresh tokens until some of them are read anew all the time, which is
// from half of cache_ttl on, and measures from then on.
func (b *bench) use(ctx context.Context, d *database, u *used) error {
	flush := 10 * time.Second
	if b.opts.quick {
		flush = 200 * time.Millisecond
	}
	secrets, err := d.fresh(b.opts.tokens)
	if err != nil {
		return err
	}
	rate := float64(len(secrets)) / inUseEvery.Seconds()
	during := func(d time.Duration) int { return int(rate * d.Seconds()) }
	words := fmt.Sprintf("\t\tcache_ttl %s\n\t\tflush_interval %s\n", u.ttl, flush)
	return b.onGateway(ctx, d.side("gateway", u.dsn, words, secrets), func(l *lane) error {
		if _, err := b.drive(ctx, l, secrets, during(u.ttl/2+inUseEvery), rate); err != nil {
			return err
		}
		before, err := l.scrape(ctx)
		if err != nil {
			return err
		}
		u.load, err = d.watch(ctx, d.full, func() (err error) {
			u.requests, err = b.drive(ctx, l, secrets, during(max(3*flush, u.ttl/2)), rate)
			return err
		})
		if err != nil {
			return err
		}
		if u.load.useWrites == 0 {
			return errors.New("no statement for last uses reached Postgres")
		}
		after, err := l.scrape(ctx)
		u.waited = (after[cacheMisses] - before[cacheMisses]) / u.load.seconds
		return err
	})
}

// cacheMisses counts requests that waited for a look-up.
const cacheMisses = `tokenreeve_cache_total{result="miss"}`

func compareUse(r *postgresReport, what string, one, two *used) {
	row := func(name, unit string, of func(serverLoad) float64) {
		r.compare(what+name, unit, one.name, of(one.load), two.name, of(two.load))
	}
	row("look-ups that Postgres sees", "a second", func(l serverLoad) float64 { return l.lookups / l.seconds })
	row("last-use statements", "a second", func(l serverLoad) float64 { return l.useWrites / l.seconds })
	row("tokens in each of them", "", func(l serverLoad) float64 { return l.usedTokens / max(l.useWrites, 1) })
	row("how long each of them takes", "ms", func(l serverLoad) float64 { return l.writing / max(l.useWrites, 1) })
	row("all statements", "a second", func(l serverLoad) float64 { return l.calls / l.seconds })
	row("write-ahead log", "KiB a second", func(l serverLoad) float64 { return l.walBytes / 1024 / l.seconds })
	row("Postgres's CPU", "% of a core", func(l serverLoad) float64 { return 100 * l.cpu.Seconds() / l.seconds })
	r.compare(what+"the gateway's CPU for each request", "µs", one.name, one.requests.cpuPerRequest(), two.name, two.requests.cpuPerRequest())
	r.compare(what+"requests that waited for a look-up", "a second", one.name, one.waited, two.name, two.waited)
	r.compare(what+"requests that got 503", "", one.name, float64(one.requests.Repeated), two.name, float64(two.requests.Repeated))
	r.compare(what+"p99 of the requests", "ms", one.name, milliseconds(one.requests.P99), two.name, milliseconds(two.requests.P99))
}

// measureNear compares a known token on Postgres with one on SQLite: neither
// store is asked.
func (b *bench) measureNear(ctx context.Context, d *database, r *postgresReport) error {
	return b.addPair(ctx, r, pair{
		key: postgresNear, what: "a known token",
		a: gateSide("SQLite", "", articleRequest("", bearer, b.secrets.known)),
		b: d.side("Postgres", d.full, "", d.secrets[:1]),
	})
}

// measureFar compares a known token on Postgres here and 5 ms away.
func (b *bench) measureFar(ctx context.Context, d *database, r *postgresReport) error {
	return b.addPair(ctx, r, pair{
		key: postgresFar, what: "a known token",
		a: d.side("Postgres here", d.full, "", d.secrets[:1]),
		b: d.side("5 ms away", d.far.leadTo(d.full), "", d.secrets[:1]), cpu: atMost(1.02), rate: atLeast(0.98),
	})
}

func (b *bench) addPair(ctx context.Context, r *postgresReport, p pair) error {
	o, err := b.measurePair(ctx, p)
	if err != nil {
		return err
	}
	r.pairs = append(r.pairs, o)
	return nil
}
