//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// loadSpec says what a load generator does. It comes as JSON on its stdin.
type loadSpec struct {
	Addr    string
	Conns   int
	Before  string   // the request up to the secret
	After   string   // the request behind the secret
	Secrets []string // used in turn; none: Before and After are the request
	Mint    bool     // a fresh unknown secret in every request, instead of Secrets
	Status  int      // the status that every answer must have
	Patient bool     // repeats what is answered 503, and counts that
	Gateway int      // process whose CPU clock is read
	Backend int
	Rate    float64 // requests per second; 0 is as many as go through
	Limit   int64   // end after this many requests, if not 0
	Windows []window
	Stop    time.Time // end of the load, at the latest
}

// window is a stretch of time that is measured.
type window struct{ From, To time.Time }

// loadResult is what a load generator prints.
type loadResult struct {
	Windows  []measured
	Requests int64 // also outside of the windows
	Repeated int64 // because they were answered 503
	Seconds  float64
}

// measured is what happened in one window.
type measured struct {
	Seconds    float64
	Requests   int64
	GatewayCPU time.Duration
	OurCPU     time.Duration // of gateway, backend and load generator
	P50, P99   time.Duration
	Repeated   int64 // of all windows, if that was asked for
}

// load is a running load generator.
type load struct {
	spec    loadSpec
	started atomic.Int64 // requests, for Limit and Secrets
	done    atomic.Int64
	repeats atomic.Int64
	current atomic.Pointer[histogram]
	cancel  context.CancelCauseFunc
}

// errEnough ends a load that reached its limit.
var errEnough = errors.New("all requests are made")

func runLoad(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var spec loadSpec
	if err := json.NewDecoder(stdin).Decode(&spec); err != nil {
		return fmt.Errorf("reading the load: %w", err)
	}
	result, err := generate(ctx, spec)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// generate runs the load to its end. The first request that fails or has
// another status than expected ends it with an error: a benchmark of errors
// would look fast.
func generate(ctx context.Context, spec loadSpec) (loadResult, error) {
	ctx, stop := context.WithDeadline(ctx, spec.Stop)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	l := &load{spec: spec, cancel: cancel}
	begin := time.Now()
	var conns sync.WaitGroup
	for i := range spec.Conns {
		conns.Go(func() {
			if err := l.drive(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	windows, err := l.watch(ctx)
	conns.Wait()
	cause := context.Cause(ctx)
	cancel(nil)
	switch {
	case cause != nil && !errors.Is(cause, context.DeadlineExceeded) && !errors.Is(cause, errEnough):
		return loadResult{}, cause
	case err != nil:
		return loadResult{}, err
	}
	return loadResult{Windows: windows, Requests: l.done.Load(), Repeated: l.repeats.Load(), Seconds: time.Since(begin).Seconds()}, nil
}

// drive keeps one connection busy until the load ends.
func (l *load) drive(ctx context.Context, number int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.spec.Addr)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// A gateway that hangs must not hang the benchmark.
	if err := conn.SetDeadline(l.spec.Stop.Add(10 * time.Second)); err != nil {
		return err
	}
	c := newClient(conn)
	random := bufio.NewReader(rand.Reader)
	begin := time.Now()
	var request []byte
	for k := 0; ctx.Err() == nil; k++ {
		n := l.started.Add(1) - 1
		if l.spec.Limit > 0 && n >= l.spec.Limit {
			l.cancel(errEnough)
			return nil
		}
		if request, err = l.request(request[:0], n, random); err != nil {
			return err
		}
		from := l.pace(ctx, begin, number, k)
		status, err := l.ask(ctx, c, request)
		if err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		if status != l.spec.Status {
			return fmt.Errorf("request %d was answered %d instead of %d", n, status, l.spec.Status)
		}
		l.done.Add(1)
		if h := l.current.Load(); h != nil {
			h.add(time.Since(from))
		}
	}
	return nil
}

// ask makes a request, again if it is answered 503 and that is allowed.
func (l *load) ask(ctx context.Context, c *client, request []byte) (status int, err error) {
	const tries, pause = 50, 100 * time.Millisecond
	status, err = c.roundTrip(request)
	for n := 1; l.spec.Patient && err == nil && status == http.StatusServiceUnavailable && n < tries; n++ {
		l.repeats.Add(1)
		sleep(ctx, pause)
		status, err = c.roundTrip(request)
	}
	return status, err
}

// request appends the n-th request of the load to buf.
func (l *load) request(buf []byte, n int64, random io.Reader) ([]byte, error) {
	buf = append(buf, l.spec.Before...)
	switch {
	case l.spec.Mint:
		secret, err := token.Mint(random)
		if err != nil {
			return nil, err
		}
		buf = append(buf, secret.Reveal()...)
	case len(l.spec.Secrets) > 0:
		buf = append(buf, l.spec.Secrets[n%int64(len(l.spec.Secrets))]...)
	}
	return append(buf, l.spec.After...), nil
}

// pace waits until the k-th request of a connection is due and returns the time
// that its latency counts from. That is when it was due if the answer before it
// came too late, so that a stall is charged to every request that it delayed;
// else it is now, so that a timer that fires late is charged to nobody.
func (l *load) pace(ctx context.Context, begin time.Time, number, k int) time.Time {
	now := time.Now()
	if l.spec.Rate <= 0 {
		return now
	}
	turn := float64(k) + float64(number)/float64(l.spec.Conns)
	due := begin.Add(time.Duration(turn * float64(l.spec.Conns) / l.spec.Rate * float64(time.Second)))
	if now.After(due) {
		return due
	}
	sleep(ctx, due.Sub(now))
	return time.Now()
}

// watch measures the windows.
func (l *load) watch(ctx context.Context) ([]measured, error) {
	var all []measured
	for _, w := range l.spec.Windows {
		if !sleep(ctx, time.Until(w.From)) {
			return all, nil
		}
		h := new(histogram)
		before, err := l.look()
		if err != nil {
			return nil, err
		}
		l.current.Store(h)
		sleep(ctx, time.Until(w.To))
		l.current.Store(nil)
		after, err := l.look()
		if err != nil {
			return nil, err
		}
		all = append(all, measured{
			Seconds:    after.at.Sub(before.at).Seconds(),
			Requests:   after.done - before.done,
			GatewayCPU: after.gateway - before.gateway,
			OurCPU:     after.ours - before.ours,
			P50:        h.quantile(0.50),
			P99:        h.quantile(0.99),
		})
	}
	return all, nil
}

// look is the state of the load at a moment. The clocks are read where the
// requests are counted, and not by the benchmark's main process, because that
// may wait for milliseconds until a busy core lets it look.
type look struct {
	at            time.Time
	done          int64
	gateway, ours time.Duration
}

func (l *load) look() (look, error) {
	now := look{at: time.Now(), done: l.done.Load()}
	var err error
	if now.gateway, err = processCPU(l.spec.Gateway); err != nil {
		return look{}, fmt.Errorf("reading the gateway's CPU clock: %w", err)
	}
	backend, err := processCPU(l.spec.Backend)
	if err != nil {
		return look{}, fmt.Errorf("reading the backend's CPU clock: %w", err)
	}
	own, err := processCPU(0)
	if err != nil {
		return look{}, err
	}
	now.ours = now.gateway + backend + own
	return now, nil
}

// sleep waits and reports whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
