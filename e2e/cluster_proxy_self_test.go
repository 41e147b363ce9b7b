package e2e

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestProxy holds the proxy to what the other tests trust it to do.
func TestProxy(t *testing.T) {
	const ready, notification, row = "Z\x00\x00\x00\x05I", "A\x00\x00\x00\x08abcd", "D\x00\x00\x00\x06xy"
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() { // answers each byte with three messages
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				one := make([]byte, 1)
				for {
					if _, err := io.ReadFull(conn, one); err != nil {
						conn.Close()
						return
					}
					io.WriteString(conn, row+notification+ready)
				}
			}()
		}
	}()
	p := startProxy(t, server.Addr().String())
	conn, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(want string) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "x")
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	silent := func() {
		t.Helper()
		conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Fatalf("got %d bytes, %v; want silence", n, err)
		}
	}
	ask(row + notification + ready)
	p.deaf.Store(true)
	ask(row + ready)
	silent()
	p.delay.Store(int64(20 * time.Millisecond))
	begin := time.Now()
	if ask(row + ready); time.Since(begin) < 20*time.Millisecond {
		t.Error("no delay")
	}
	p.heal()
	ask(row + notification + ready)
	p.setHang(hangListener)
	ask(row + notification + ready)
	io.WriteString(conn, "LISTEN x")
	silent()
	p.heal()
	ask(strings.Repeat(row+notification+ready, 9))
	p.setHang(hangAll)
	silent()
	p.cut()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("after the cut: %v; want a reset", err)
	}
}
