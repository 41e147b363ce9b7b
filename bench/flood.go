//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// floodResult is what a flood of unknown tokens did to one gateway and to the
// known tokens that were in use beside it.
type floodResult struct {
	alone, control, flooded, after measured
	controlRate                    float64 // refusals per second that need no look-up
	sent                           int64   // unknown tokens
	rate                           float64 // of them per second
	rssBefore, rssAfter            int64
	counts, countsAfter            []string // the metrics that moved during the flood, and after it
}

const (
	floodConns = 16
	inUse      = 1000 // known tokens that are in use beside the flood
)

// measureFlood runs one gateway on all cores. The known tokens come at a fixed
// rate well below what it can do, so that their latency shows what the
// flood does to them and not that two loads share a machine. For the same reason
// the flood has a control: as many refusals that need no look-up.
func (b *bench) measureFlood(ctx context.Context) (*floodResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.forgetGateways()
	known := articleRequest("", bearer, b.secrets.many[:min(inUse, len(b.secrets.many))]...)
	l, err := b.startLane(ctx, gateSide("gate", "", known), -1)
	if err != nil {
		return nil, err
	}
	defer l.stop()
	short := 10 * b.opts.window
	if _, _, _, err := b.beside(ctx, l, short/2, nil); err != nil { // warms the cache
		return nil, err
	}
	r := new(floodResult)
	if r.alone, _, _, err = b.beside(ctx, l, short, nil); err != nil {
		return nil, err
	}
	control := b.floodSpec(l, noCredential(), short)
	if r.control, _, r.controlRate, err = b.beside(ctx, l, short, &control); err != nil {
		return nil, err
	}
	if err := b.floodIt(ctx, l, r); err != nil {
		return nil, err
	}
	before := l.look(ctx)
	if r.after, _, _, err = b.beside(ctx, l, short, nil); err != nil {
		return nil, err
	}
	after := l.look(ctx)
	r.countsAfter = after.counts.since(before.counts)
	return r, after.err
}

// floodIt is the flood itself, and what the gateway looks like around it.
func (b *bench) floodIt(ctx context.Context, l *lane, r *floodResult) (err error) {
	unknown := articleRequest("", bearer).answered(401)
	unknown.mint = true
	expected := 60 * time.Second
	if b.opts.floodRate > 0 {
		expected = time.Duration(float64(b.opts.flood) / b.opts.floodRate * float64(time.Second))
	}
	spec := b.floodSpec(l, unknown, 4*expected+2*time.Minute)
	spec.Limit = b.opts.flood
	before := l.look(ctx)
	if r.rssBefore, err = residentMemory(l.gateway.pid()); err != nil {
		return err
	}
	// The known tokens are measured while the flood is surely under way.
	r.flooded, r.sent, r.rate, err = b.beside(ctx, l, max(expected*8/10-time.Second, b.opts.window), &spec)
	if err != nil {
		return err
	}
	if r.sent != b.opts.flood {
		return fmt.Errorf("only %d of %d unknown tokens could be sent in %s", r.sent, b.opts.flood, 4*expected+2*time.Minute)
	}
	if r.rssAfter, err = residentMemory(l.gateway.pid()); err != nil {
		return err
	}
	after := l.look(ctx)
	r.counts = after.counts.since(before.counts)
	return after.err
}

// beside measures the known tokens for a while, and runs another load to its
// end meanwhile. It returns how many requests that made, and how many a second.
func (b *bench) beside(ctx context.Context, l *lane, length time.Duration, other *loadSpec) (m measured, sent int64, rate float64, err error) {
	const begin = 500 * time.Millisecond
	from := time.Now().Add(begin)
	spec := b.loadSpec(l, []window{{From: from, To: from.Add(length)}})
	spec.Rate = b.opts.knownRate
	_, known, err := b.startLoad(ctx, -1, spec)
	if err != nil {
		return m, 0, 0, err
	}
	wait := func() (loadResult, error) { return loadResult{Seconds: 1}, nil }
	if other != nil {
		b.progress("flood: a second load of %.0f requests per second, at most until %s\n", other.Rate, other.Stop.Format(time.TimeOnly))
		if _, wait, err = b.startLoad(ctx, -1, *other); err != nil {
			return m, 0, 0, err
		}
	}
	result, err := known()
	if err != nil {
		return m, 0, 0, fmt.Errorf("known tokens: %w", err)
	}
	flood, err := wait()
	if err != nil {
		return m, 0, 0, fmt.Errorf("the flood: %w", err)
	}
	if len(result.Windows) != 1 || result.Windows[0].Requests == 0 {
		return m, 0, 0, fmt.Errorf("known tokens: nothing was measured")
	}
	return result.Windows[0], flood.Requests, float64(flood.Requests) / flood.Seconds, nil
}

// floodSpec is a second load of one gateway.
func (b *bench) floodSpec(l *lane, a ask, length time.Duration) loadSpec {
	spec := b.loadSpec(l, []window{{To: time.Now().Add(length)}})
	spec.Windows = nil
	spec.Before, spec.After, spec.Secrets, spec.Mint, spec.Status = a.before, a.after, a.secrets, a.mint, a.status
	spec.Conns, spec.Rate = floodConns, b.opts.floodRate
	return spec
}
