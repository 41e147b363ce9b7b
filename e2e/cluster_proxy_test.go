package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between a gateway and Postgres, and does to their connections
// what networks do. It reads the messages of the server, so connections through it
// must be without TLS.
type proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	changed *sync.Cond // on mu: of hang, links or closed
	hang    hanging
	links   map[*link]bool
	closed  bool

	delay     atomic.Int64 // nanoseconds, for what comes from the server
	deaf      atomic.Bool  // drops notifications
	dropped   atomic.Int64 // notifications
	listeners atomic.Int64 // connections that have ever sent LISTEN
	serving   sync.WaitGroup
}

// hanging says which connections get nothing through, in either direction, while
// they stay open.
type hanging int

const (
	hangNone     hanging = iota
	hangListener         // those that listen for notifications
	hangAll
)

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	listens        atomic.Bool // it has sent LISTEN
}

func (l *link) close() {
	for _, conn := range []net.Conn{l.client, l.server} {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // so that the other side gets a reset, as from a machine that is gone
			tcp.Close()
		}
	}
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, links: map[*link]bool{}}
	p.changed = sync.NewCond(&p.mu)
	p.serving.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	l := &link{client: client}
	if !p.keep(l) {
		return
	}
	defer p.forget(l)
	if !p.pass(l) { // who connects while all hangs is connected, and waits
		return
	}
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		return
	}
	p.mu.Lock()
	l.server = server
	gone := !p.links[l]
	p.mu.Unlock()
	if gone {
		server.Close()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.copyRequests(l)
		l.close()
	}()
	p.copyAnswers(l)
	l.close()
	<-done
}

func (p *proxy) keep(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.client.Close()
		return false
	}
	p.links[l] = true
	return true
}

func (p *proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
	l.close()
}

// pass waits until something may go through a connection. It is false when the
// connection was cut.
func (p *proxy) pass(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.links[l] && (p.hang == hangAll || p.hang == hangListener && l.listens.Load()) {
		p.changed.Wait()
	}
	return p.links[l]
}

// copyRequests hands on what the gateway sends.
func (p *proxy) copyRequests(l *link) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buffer)
		if bytes.Contains(bytes.ToLower(buffer[:n]), []byte("listen ")) && !l.listens.Swap(true) {
			p.listeners.Add(1)
		}
		if !p.pass(l) {
			return
		}
		if _, errWrite := l.server.Write(buffer[:n]); err != nil || errWrite != nil {
			return
		}
	}
}

// copyAnswers hands on what the server sends, message by message: a byte for the
// type, then the length, itself included, then the rest.
func (p *proxy) copyAnswers(l *link) {
	in, out := bufio.NewReaderSize(l.server, 64<<10), bufio.NewWriterSize(l.client, 64<<10)
	for {
		head, err := in.Peek(5)
		if err != nil {
			return
		}
		length := 1 + int64(binary.BigEndian.Uint32(head[1:]))
		if time.Sleep(time.Duration(p.delay.Load())); !p.pass(l) {
			return
		}
		to := io.Writer(out)
		if head[0] == 'A' && p.deaf.Load() { // NotificationResponse
			to = io.Discard
			p.dropped.Add(1)
		}
		if _, err := io.CopyN(to, in, length); err != nil {
			return
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// cut ends all connections with a reset.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
		delete(p.links, l)
	}
	p.changed.Broadcast()
}

func (p *proxy) setHang(h hanging) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hang = h
	p.changed.Broadcast()
}

// heal ends all that is done to connections.
func (p *proxy) heal() {
	p.setHang(hangNone)
	p.deaf.Store(false)
	p.delay.Store(0)
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return
	}
	p.cut()
	p.serving.Wait()
}
