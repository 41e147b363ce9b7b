package postgres

import (
	"context"
	"strings"
	"syscall"
	"time"
)

// unacknowledged is how long sent bytes may go without an answer of the peer's
// system.
const unacknowledged = 10 * time.Second

const tcpUserTimeout = 18 // TCP_USER_TIMEOUT, which package syscall lacks

func limitUnacknowledged(_ context.Context, network, _ string, conn syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	return conn.Control(func(fd uintptr) {
		// It is a help only: a system that refuses it has other limits.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
	})
}
