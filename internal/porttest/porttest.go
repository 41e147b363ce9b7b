// Package porttest gives ports to the servers that tests start. Caddy shares a
// port with whoever listens on it (SO_REUSEPORT), so that two servers on one
// port, or two configurations of one, answer by turns and without a word.
package porttest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Block is the first of 4,000 ports for servers of one kind. All are below the ports
// that Linux gives to outgoing connections if nothing else is set: one of those could
// take a port before it is used.
type Block int

// The blocks.
const (
	CaddyModule Block = 12_000 + 4_000*iota
	EndToEnd
	Postgres
	Docs
	Benchmarks // and the tests of this package
)

// patience is how long WaitForOne waits.
const patience = time.Minute

var (
	handedOut sync.Map // of ports, as numbers
	locks     sync.Map // files by path
)

// Free returns a port of the block that nobody listens on, and that was given to
// nothing else in this process, nor in another one that still runs.
func Free(block Block) (int, error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("tokenreeve-ports-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	for range 1000 {
		random, err := rand.Int(rand.Reader, big.NewInt(int64(EndToEnd-CaddyModule)))
		if err != nil {
			return 0, err
		}
		port := int(block) + int(random.Int64())
		if _, before := handedOut.LoadOrStore(port, true); before {
			continue
		}
		if !lock(filepath.Join(folder, strconv.Itoa(port))) {
			continue
		}
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil { //nolint:noctx // nothing is waited for
			_ = l.Close()
			return port, nil
		}
	}
	return 0, errors.New("there is no free port")
}

// lock locks a file until this process ends, if no other one has it.
func lock(path string) bool {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600) // #nosec G304 -- a number in our folder
	if err != nil {
		return false
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { // #nosec G115 -- a descriptor
		_ = file.Close()
		return false
	}
	locks.Store(path, file) // or the garbage collector would close it
	return true
}

// Address returns host with a free port of the block.
func Address(t testing.TB, host string, block Block) string {
	t.Helper()
	port, err := Free(block)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// WaitForOne waits until no port that was given out has two listeners: when
// Caddy's reload returns, the servers of the last configuration are being shut
// down, and on a busy machine they still take connections. Where /proc doesn't
// tell, it doesn't wait.
func WaitForOne(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		twice := sharedPort()
		if twice == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("port %d has two listeners after %v", twice, patience)
			return
		}
	}
}

// sharedPort returns a port that was given out and has two listeners, or 0.
func sharedPort() int {
	seen := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(text) {
			address, port := listener(string(line))
			if _, ours := handedOut.Load(port); !ours {
				continue
			}
			if seen[address] {
				return port
			}
			seen[address] = true
		}
	}
	return 0
}

// listener reads a line of /proc/net/tcp: number, address:port and the peer's in
// hexadecimal, state, of which 0A is LISTEN. The port is 0 for others.
func listener(line string) (address string, port int) {
	var number, peer, state string
	if n, _ := fmt.Sscan(line, &number, &address, &peer, &state); n < 4 || state != "0A" {
		return "", 0
	}
	_, digits, _ := strings.Cut(address, ":")
	n, _ := strconv.ParseUint(digits, 16, 16)
	return address, int(n)
}
