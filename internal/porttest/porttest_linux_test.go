package porttest

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A second listener on a port is waited for, as long as it is there.
func TestWaitForOne(t *testing.T) {
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return err
	}}
	for _, host := range []string{"127.0.0.1", ""} {
		address := Address(t, host, Benchmarks)
		var both [2]net.Listener
		for i := range both {
			l, err := shared.Listen(context.Background(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			both[i] = l
		}
		if sharedPort() == 0 {
			t.Errorf("two listeners on %q are not seen", address)
		}
		time.AfterFunc(10*time.Millisecond, func() { both[0].Close() })
		WaitForOne(t)
		if _, err := both[0].Accept(); err == nil {
			t.Errorf("%q: it did not wait", address)
		}
	}
}

// No port is given twice, though nobody listens on it yet.
func TestFreeIsGivenOnce(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		port := Address(t, "", Benchmarks)
		if seen[port] {
			t.Fatal("given twice:", port)
		}
		seen[port] = true
	}
}
