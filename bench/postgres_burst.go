//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// burstSize is how many requests come at once with one token.
const burstSize = 1000

// measureBurst sends requests at once, with a token that is not in memory and
// with one that is, while Postgres is 5 ms away.
func (b *bench) measureBurst(ctx context.Context, d *database, r *postgresReport) error {
	size := burstSize
	if b.opts.quick {
		size /= 10
	}
	var queries, known, unknown []float64
	s := d.side("gateway", d.far.leadTo(d.full), "", d.secrets[:1])
	err := b.onGateway(ctx, s, func(l *lane) error {
		if _, err := l.burst(ctx, d.secrets[0], size); err != nil { // warms the way
			return err
		}
		for range b.opts.rounds {
			secrets, err := d.fresh(1)
			if err != nil {
				return err
			}
			seen, err := d.watch(ctx, d.full, func() error {
				took, err := l.burst(ctx, secrets[0], size)
				unknown = append(unknown, milliseconds(took))
				return err
			})
			if err != nil {
				return err
			}
			queries = append(queries, seen.lookups)
			took, err := l.burst(ctx, secrets[0], size)
			if err != nil {
				return err
			}
			known = append(known, milliseconds(took))
		}
		return nil
	})
	if err != nil {
		return err
	}
	most := 0.0
	for _, n := range queries {
		most = max(most, n)
	}
	what := fmt.Sprintf("%d requests at once with one token, Postgres 5 ms away: ", size)
	r.single(what+"look-ups that Postgres got", "%.0f (most of %d bursts)", most, len(queries))
	r.compare(what+"until all were answered", "ms", "in memory", spreadOf(known).median, "not in memory", spreadOf(unknown).median)
	return nil
}

// burst sends requests with one secret, each on a connection that is open, and
// returns how long it took until all were answered with 200.
func (l *lane) burst(ctx context.Context, secret string, size int) (time.Duration, error) {
	clients := make([]*client, size)
	for i := range clients {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.addr)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return 0, err
		}
		clients[i] = newClient(conn)
	}
	request := []byte(l.request.before + secret + l.request.after)
	errs := make([]error, size)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			<-start
			status, err := c.roundTrip(request)
			if err == nil && status != l.request.status {
				err = fmt.Errorf("a request of a burst was answered %d instead of %d", status, l.request.status)
			}
			errs[i] = err
		})
	}
	begin := time.Now()
	close(start)
	all.Wait()
	return time.Since(begin), errors.Join(errs...)
}
