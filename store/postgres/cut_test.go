package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// proxy passes bytes on to a server until it finds a text in what a client
// sends, and cuts that connection then: before or after the text arrived.
type proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	text  string
	after bool
	cuts  int // how many are left to be made
	made  int
	mute  bool // connections made so far, and from now on, stay silent
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	p := &proxy{listener: l, server: server}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return p
}

// cut makes the next connections on which the client sends text break.
func (p *proxy) cut(text string, after bool, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.after, p.cuts, p.made = text, after, times, 0
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(client, server)
		client.Close()
	}()
	silent := false
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if silent = silent || p.isMute(); silent {
			continue
		}
		cut, after := p.breaks(buffer[:n])
		if cut && !after {
			return
		}
		if cut {
			client.Close() // the answer has nowhere to go
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if cut {
			time.Sleep(100 * time.Millisecond) // the server takes it before it sees the end
			return
		}
	}
}

func (p *proxy) breaks(sent []byte) (cut, after bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cuts == 0 || !bytes.Contains(sent, []byte(p.text)) {
		return false, false
	}
	p.cuts--
	p.made++
	return true, p.after
}

func (p *proxy) isMute() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mute
}

func (p *proxy) setMute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

// behind opens a store through a proxy.
func behind(t *testing.T) (*Store, *proxy) {
	t.Helper()
	server := pgtest.Shared(t)
	p := newProxy(t, server.Addr())
	dsn := server.DSN(server.Database(t), pgtest.Superuser)
	return open(t, Config{DSN: strings.ReplaceAll(dsn, server.Addr(), p.listener.Addr().String())}), p
}

// A connection that is lost during the commit: nobody knows whether the change
// holds, and the error says so.
func TestCutDuringCommit(t *testing.T) {
	for name, arrives := range map[string]bool{"the commit arrives": true, "the commit doesn't arrive": false} {
		t.Run(name, func(t *testing.T) {
			s, p := behind(t)
			mustAdd(t, s, "ci")
			told := listen(t, s)
			p.cut("commit\x00", arrives, 1)
			err := disable(t.Context(), s, "ci")
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "not known whether the change holds") {
				t.Fatal(err)
			}
			if !told.all() {
				t.Error("the watchers were not told of everything")
			}
			eventually(t, "the server is done", func() bool {
				found, err := s.Lookup(t.Context(), token.Hash("ci"))
				return err == nil && found.Token.Enabled == !arrives
			})
			check(t, s.Change(t.Context(), func(tx store.Tx) error { return tx.DeleteToken(t.Context(), "ci") }))
		})
	}
}

// A connection that is lost before the commit is no reason to bother the caller.
func TestCutBeforeCommit(t *testing.T) {
	for _, text := range []string{"BEGIN;", "UPDATE tokens", "INSERT INTO changes"} {
		t.Run(text, func(t *testing.T) {
			s, p := behind(t)
			mustAdd(t, s, "ci")
			s.changes.Reset() // statements are sent with their text once
			told := listen(t, s)
			p.cut(text, true, 2)
			check(t, disable(t.Context(), s, "ci"))
			if p.made != 2 || !told.named("ci") || told.all() {
				t.Errorf("%d cuts, told of %+v", p.made, told.changes)
			}
			p.cut(text, false, 100)
			s.changes.Reset()
			mustBeAway(t, "Change", s.Change(t.Context(), func(tx store.Tx) error {
				one, err := tx.Token(t.Context(), "ci")
				if err != nil {
					return err
				}
				one.Enabled = true
				return tx.UpdateToken(t.Context(), one)
			}))
			found, err := s.Lookup(t.Context(), token.Hash("ci"))
			if err != nil || found.Token.Enabled {
				t.Errorf("the change that failed holds: %+v, %v", found, err)
			}
		})
	}
}

// A look-up whose connection broke is made again on another.
func TestCutLookup(t *testing.T) {
	s, p := behind(t)
	mustAdd(t, s, "ci")
	s.lookups.Reset()
	p.cut("FROM secrets", true, 1)
	mustFind(t, s, "ci")
	if p.made != 1 {
		t.Error("nothing was cut")
	}
}

// A failover that leaves connections open which nobody answers on: those that
// were given up make room for new ones soon, not when pgx stops waiting for them.
func TestSilentConnections(t *testing.T) {
	s, p := behind(t)
	mustAdd(t, s, "ci")
	lookup := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := s.Lookup(ctx, token.Hash("ci"))
		return err
	}
	var all []*pgxpool.Conn // so that every place of the pool is taken by one that was opened
	for range s.settings.pool.MaxConns {
		conn, err := s.lookups.Acquire(t.Context())
		check(t, err)
		all = append(all, conn)
	}
	for _, conn := range all {
		conn.Release()
	}
	p.setMute(true)
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() { mustBeAway(t, "Lookup", lookup()) })
	}
	running.Wait()
	time.Sleep(200 * time.Millisecond) // the requests to cancel meet silence too
	p.setMute(false)
	began := time.Now()
	eventually(t, "look-ups are answered", func() bool { return lookup() == nil })
	if took := time.Since(began); took > connectTimeout+patience {
		t.Errorf("it took %v", took)
	}
}

// An import notices a server that hangs, however long it may take.
func TestSilentImport(t *testing.T) {
	s, p := behind(t)
	s.settings.importPatience = 300 * time.Millisecond
	began := time.Now()
	err := s.Import(t.Context(), func(yield func(store.Record, error) bool) {
		for r, err := range many(2 * importPart) {
			if r.Token.ID == manyID(importPart+1) {
				time.Sleep(2 * s.settings.importPatience) // the source may be slow
				p.setMute(true)
			}
			if !yield(r, err) {
				return
			}
		}
	})
	mustBeAway(t, "Import", err)
	if took := time.Since(began); took > patience {
		t.Errorf("it took %v", took)
	}
	p.setMute(false)
	s.settings.importPatience = importPatience
	check(t, s.Import(t.Context(), many(importPart+1))) // nothing is left of the other
	mustFind(t, s, manyID(importPart))
}
