//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// farDelay is what each direction takes longer when Postgres is far away.
const farDelay = 2500 * time.Microsecond

// farAway stands before a server and lets everything through later than it came,
// in each direction, but no slower.
type farAway struct {
	listener net.Listener
	target   string
	delay    time.Duration
	links    sync.WaitGroup
	end      context.CancelFunc
}

func startFarAway(ctx context.Context, target string, delay time.Duration) (*farAway, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(ctx)
	f := &farAway{listener: l, target: target, delay: delay, end: end}
	f.links.Go(func() { f.serve(ctx) })
	return f, nil
}

// leadTo returns a connection string with this address instead of the server's.
func (f *farAway) leadTo(dsn string) string {
	return strings.Replace(dsn, f.target, f.listener.Addr().String(), 1)
}

func (f *farAway) close() error {
	f.end()
	err := f.listener.Close()
	f.links.Wait()
	return err
}

func (f *farAway) serve(ctx context.Context) {
	for {
		near, err := f.listener.Accept()
		if err != nil {
			return // it is closed
		}
		far, err := new(net.Dialer).DialContext(ctx, "tcp", f.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = errors.Join(near.Close(), far.Close()) })
		f.links.Go(func() { f.pass(near, far) })
		f.links.Go(func() { f.pass(far, near); stop() })
	}
}

// parcel is what came in one piece, and when it is due.
type parcel struct {
	due  time.Time
	data []byte
}

// sleepUntil is exact to some microseconds, where Go's own timers are to a
// millisecond in a process that does little else.
func sleepUntil(due time.Time) {
	for d := time.Until(due); d > 0; d = time.Until(due) {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil) // a signal ends it early
	}
}

// pass takes what comes from one side to the other until one of them ends.
func (f *farAway) pass(from, to net.Conn) {
	parcels := make(chan parcel, 1024)
	go func() {
		defer close(parcels)
		for {
			data := make([]byte, 16<<10)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			parcels <- parcel{time.Now().Add(f.delay), data[:n]}
		}
	}()
	broken := false
	for p := range parcels {
		sleepUntil(p.due)
		if !broken {
			_, err := to.Write(p.data)
			broken = err != nil
		}
		if broken {
			_ = from.Close() // ends the loop that reads
		}
	}
	_ = to.Close()
}
