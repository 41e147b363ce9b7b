//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// pair is two sides that are measured at the same time.
type pair struct {
	key    string
	what   string
	a, b   side
	cpu    target        // for the ratio of CPU time per request
	rate   target        // for the ratio of requests per second
	window time.Duration // at least
	probe  bool          // also report what the sides wrote and counted
}

// outcome is what all rounds of a pair gave.
type outcome struct {
	pair
	cpuA, cpuB, rateA, rateB []float64 // by window
	cpuRatio, rateRatio      []float64 // by two windows, between which the sides swapped cores
	p50, p99                 delays
	probes                   []string
}

// A round measures many windows and swaps the cores between any two. On a shared
// machine one core may lose a third of its speed for a second, unseen by any
// counter; the median over many pairs of windows leaves that out, where the mean
// over a few long ones does not. A window must still be long enough for
// Go's collector to run in it.
const (
	windowsPerRound = 8                      // an even number
	swapTime        = 150 * time.Millisecond // to settle on the new core
)

func (b *bench) measurePair(ctx context.Context, p pair) (outcome, error) {
	o := outcome{pair: p}
	for n := range b.opts.rounds {
		err := b.round(ctx, &o, n)
		for again := 0; errors.Is(err, errIdle) && again < 5; again++ { // the machine stood still for so long
			err = b.round(ctx, &o, n)
		}
		if err != nil {
			return o, fmt.Errorf("%s, round %d: %w", p.key, n+1, err)
		}
		latest := len(o.cpuRatio) - windowsPerRound/2
		b.progress("%s %d/%d: CPU %.3f, throughput %.3f\n", p.key, n+1, b.opts.rounds, o.cpuRatio[latest:], o.rateRatio[latest:])
	}
	return o, nil
}

// round starts both sides afresh, because two processes of one binary differ
// by where their memory happens to lie, and loads them at the same time. The side
// that starts first alternates.
func (b *bench) round(ctx context.Context, o *outcome, n int) error {
	o.probes = nil // those of the last round are shown
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.forgetGateways()
	sides, lanes := [2]side{o.a, o.b}, [2]*lane{}
	for i := range 2 {
		at := (i + n) % 2
		l, err := b.startLane(ctx, sides[at], b.cores[i])
		if err != nil {
			return fmt.Errorf("%s: %w", sides[at].name, err)
		}
		defer l.stop()
		lanes[at] = l
	}
	windows := b.windows(o.window)
	var loads [2]*process
	var results [2]func() (loadResult, error)
	for i, l := range lanes {
		p, wait, err := b.startLoad(ctx, l.core, b.loadSpec(l, windows))
		if err != nil {
			return err
		}
		defer p.stop()
		loads[i], results[i] = p, wait
	}
	attend := func() error { return b.attend(ctx, o, lanes, loads, windows) }
	return b.collect(o, attend, results)
}

// windows are those of a round that begins now.
func (b *bench) windows(atLeast time.Duration) []window {
	length := max(b.opts.window, atLeast)
	if b.opts.quick {
		length = b.opts.window
	}
	from := time.Now().Add(200*time.Millisecond + b.opts.warmup)
	var all []window
	for range windowsPerRound {
		all = append(all, window{From: from, To: from.Add(length)})
		from = from.Add(length + swapTime)
	}
	return all
}

func (b *bench) loadSpec(l *lane, windows []window) loadSpec {
	return loadSpec{
		Addr: l.addr, Conns: b.opts.conns, Status: l.request.status,
		Before: l.request.before, After: l.request.after, Secrets: l.request.secrets, Mint: l.request.mint,
		Gateway: l.gateway.pid(), Backend: l.backend.pid(),
		Windows: windows, Stop: windows[len(windows)-1].To.Add(50 * time.Millisecond),
	}
}

// attend does what has to happen while the load runs: it swaps the cores, and
// looks what others do with the machine.
func (b *bench) attend(ctx context.Context, o *outcome, lanes [2]*lane, loads [2]*process, windows []window) error {
	var before [2]probe
	for i, w := range windows {
		sleep(ctx, time.Until(w.From))
		if i == 0 && o.probe {
			for s, l := range lanes {
				before[s] = l.look(ctx)
			}
		}
		busy, err := machineBusy()
		if err != nil {
			return err
		}
		sleep(ctx, time.Until(w.To))
		after, err := machineBusy()
		if err != nil {
			return err
		}
		b.busy = append(b.busy, after-busy)
		if b.opts.pinned && i < len(windows)-1 {
			if err := swapCores(lanes, loads); err != nil {
				return err
			}
		}
	}
	if o.probe {
		for s, l := range lanes {
			o.probes = append(o.probes, l.look(ctx).since(before[s], [2]string{"A", "B"}[s]))
		}
	}
	return nil
}

func swapCores(lanes [2]*lane, loads [2]*process) error {
	for i, l := range lanes {
		for _, p := range []*process{l.gateway, l.backend, loads[i]} {
			if err := moveToCore(p.pid(), lanes[1-i].core); err != nil {
				return err
			}
		}
	}
	lanes[0].core, lanes[1].core = lanes[1].core, lanes[0].core
	return nil
}

var errIdle = errors.New("a window passed without a request")

// collect waits for both loads and adds the round to the outcome. The load's
// own error comes first: what went wrong beside it follows from that.
func (b *bench) collect(o *outcome, attend func() error, results [2]func() (loadResult, error)) error {
	attended := attend()
	var measures [2][]measured
	for i, wait := range results {
		result, err := wait()
		if err != nil {
			return err
		}
		measures[i] = result.Windows
	}
	if attended != nil {
		return attended
	}
	one, two := measures[0], measures[1]
	if len(one) != windowsPerRound || len(two) != windowsPerRound {
		return fmt.Errorf("the load ended in the middle: %d and %d of %d windows", len(one), len(two), windowsPerRound)
	}
	for _, w := range slices.Concat(one, two) {
		if w.Requests == 0 {
			return errIdle
		}
	}
	for i := range one {
		o.cpuA, o.cpuB = append(o.cpuA, one[i].cpuPerRequest()), append(o.cpuB, two[i].cpuPerRequest())
		o.rateA, o.rateB = append(o.rateA, one[i].perSecond()), append(o.rateB, two[i].perSecond())
	}
	for i := 0; i < windowsPerRound; i += 2 {
		o.cpuRatio = append(o.cpuRatio, compare(one[i:i+2], two[i:i+2], measured.cpuPerRequest))
		o.rateRatio = append(o.rateRatio, compare(one[i:i+2], two[i:i+2], measured.perSecond))
		o.p50.add(one[i:i+2], two[i:i+2], func(m measured) float64 { return milliseconds(m.P50) })
		o.p99.add(one[i:i+2], two[i:i+2], func(m measured) float64 { return milliseconds(m.P99) })
	}
	b.countOthers(one, two)
	return nil
}

// delays are latencies of both sides in milliseconds, and their ratios.
type delays struct{ a, b, ratio []float64 }

func (d *delays) add(one, two []measured, of func(measured) float64) {
	for i := range one {
		d.a, d.b = append(d.a, of(one[i])), append(d.b, of(two[i]))
	}
	d.ratio = append(d.ratio, compare(one, two, of))
}

// countOthers adds the share of the machine that neither side used.
func (b *bench) countOthers(one, two []measured) {
	for i, busy := range b.busy {
		ours := one[i].OurCPU + two[i].OurCPU
		capacity := one[i].Seconds * float64(runtime.NumCPU())
		b.others = append(b.others, max(0, (busy-ours).Seconds()/capacity))
	}
	b.busy = nil
}

// probe is what a gateway has counted and written by some moment.
type probe struct {
	at      time.Time
	written int64
	counts  metrics
	err     error
}

func (l *lane) look(ctx context.Context) probe {
	p := probe{at: time.Now()}
	if p.written, p.err = bytesWritten(l.gateway.pid()); p.err == nil {
		p.counts, p.err = l.scrape(ctx)
	}
	return p
}

func (p probe) since(before probe, name string) string {
	if before.err != nil || p.err != nil {
		return fmt.Sprintf("%s: not known: %v %v", name, before.err, p.err)
	}
	lines := []string{fmt.Sprintf("%s, in %.1f s: %d bytes written to storage", name, p.at.Sub(before.at).Seconds(), p.written-before.written)}
	for _, line := range p.counts.since(before.counts) {
		lines = append(lines, "  "+line)
	}
	return strings.Join(lines, "\n")
}

// forgetGateways removes the folders of a round's gateways.
func (b *bench) forgetGateways() {
	dirs, err := filepath.Glob(filepath.Join(b.dir, "gateway-*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			_ = os.RemoveAll(dir)
		}
	}
}
