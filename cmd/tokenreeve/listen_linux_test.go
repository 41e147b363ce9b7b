package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDemoListens looks at all that the process of a demo listens on: nothing but the
// addresses that were named, and its sample API on loopback.
func TestDemoListens(t *testing.T) {
	for name, c := range map[string]struct{ addr, pages, wantAddr, wantPages string }{
		"by default":       {addr: "127.0.0.1:0", wantAddr: "127.0.0.1", wantPages: "127.0.0.1"},
		"by name":          {addr: "localhost:0", wantAddr: "127.0.0.1", wantPages: "127.0.0.1"},
		"on two addresses": {addr: "127.0.0.2:0", pages: "127.0.0.3:0", wantAddr: "127.0.0.2", wantPages: "127.0.0.3"},
		"on all addresses": {addr: "0.0.0.0:0", wantAddr: "all", wantPages: "all"},
		"the API on all":   {addr: "0.0.0.0:0", pages: "127.0.0.1:0", wantAddr: "all", wantPages: "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"demo", "--addr", c.addr}
			if c.pages != "" {
				args = append(args, "--pages-addr", c.pages)
			}
			demo := start(t, args...)
			demo.prints(ready)
			want := []string{"127.0.0.1", c.wantAddr, c.wantPages}
			slices.Sort(want)
			if got := listening(t, demo.cmd.Process.Pid); !slices.Equal(got, want) {
				t.Errorf("it listens on %v; want %v", got, want)
			}
		})
	}
}

// listening returns the addresses that a process listens on, without their ports, as
// the kernel has them; "all" is all of this machine's.
func listening(t *testing.T, pid int) (hosts []string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("process %d has %d open files, %v", pid, len(files), err)
	}
	own := map[string]bool{}
	for _, file := range files {
		if to, err := os.Readlink(file); err == nil { // it may be closed by now
			own[to] = true
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if os.IsNotExist(err) {
			continue // there is no IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			// 0: 0100007F:1F90 00000000:0000 0A … inode
			columns := strings.Fields(line)
			if len(columns) < 10 || columns[3] != "0A" || !own["socket:["+columns[9]+"]"] {
				continue
			}
			hosts = append(hosts, hostOf(t, columns[1]))
		}
	}
	slices.Sort(hosts)
	return hosts
}

// hostOf reads an address as the kernel writes it: words of four bytes, each a number
// of this machine, and the port.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	host, port, _ := strings.Cut(address, ":")
	ip, err := hex.DecodeString(host)
	if _, bad := strconv.ParseUint(port, 16, 16); err != nil || bad != nil || len(ip)%4 != 0 {
		t.Fatalf("%q is no address", address)
	}
	for i := 0; i < len(ip); i += 4 {
		binary.NativeEndian.PutUint32(ip[i:], binary.BigEndian.Uint32(ip[i:]))
	}
	if net.IP(ip).IsUnspecified() {
		return "all"
	}
	return net.IP(ip).String()
}
