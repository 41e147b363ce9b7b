package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// ready is the last line that the demo prints before it waits.
const ready = "Press Ctrl+C to end."

// startDemo starts a demo on a free port and returns what it printed and its address.
func startDemo(t *testing.T, addr string) (demo *command, printed, at string) {
	t.Helper()
	demo = start(t, "demo", "--addr", addr)
	printed = demo.prints(ready)
	found := regexp.MustCompile(`(?m)^API=http://(\S+)/api$`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("there is no address in:\n%s", printed)
	}
	return demo, printed, found[1]
}

// TestDemoLines pastes what the demo prints into a shell, line by line as it
// stands there, and looks whether it answers what it said.
func TestDemoLines(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("TOKENREEVE_FULL") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	_, printed, _ := startDemo(t, "127.0.0.1:0")

	var variables, curls []string
	for line := range strings.Lines(printed) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case regexp.MustCompile(`^[A-Z_]+=`).MatchString(line):
			variables = append(variables, line)
		case strings.HasPrefix(line, "curl "):
			curls = append(curls, line)
		}
	}
	if len(variables) != 4 || len(curls) != len(demoLines) {
		t.Fatalf("%d variables and %d curl lines in:\n%s", len(variables), len(curls), printed)
	}
	for i, line := range curls {
		want := demoLines[i]
		t.Run(want.says, func(t *testing.T) {
			if line != want.command {
				t.Fatalf("printed %q; want %q", line, want.command)
			}
			if !strings.Contains(printed, "\n# "+want.says+"\n"+line+"\n") {
				t.Errorf("what it answers is not printed above %q", line)
			}
			if says := regexp.MustCompile(`\b[1-5]\d\d\b`).FindString(want.says); says != "" && says != want.answer {
				t.Errorf("it says %s, and the answer is meant to be %s", says, want.answer)
			}
			out, err := exec.Command("bash", "-c", strings.Join(append(variables, line), "\n")).Output()
			if err != nil {
				t.Fatal(err)
			}
			if status := strings.Fields(string(out) + " - -")[1]; status != want.answer {
				t.Errorf("%s\nanswers %s; want %s", line, out, want.answer)
			}
			if strings.Contains(want.says, "names the permission") && !strings.Contains(string(out), `"permission":"article.create"`) {
				t.Errorf("the answer names no permission: %s", out)
			}
		})
	}
	// As a whole, too: pasted in one go.
	out, err := exec.Command("bash", "-c", strings.ReplaceAll(printed, ready, "")[strings.Index(printed, "\n\n"):]).CombinedOutput()
	if err != nil || strings.Count(string(out), "HTTP/1.1 ") != len(demoLines) {
		t.Errorf("pasted in one go: %v\n%s", err, out)
	}
}

func TestDemoEnds(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			demo, printed, addr := startDemo(t, "127.0.0.1:0")
			secret := regexp.MustCompile(`(?m)^READER=(trv_\w+)`).FindStringSubmatch(printed)
			if secret == nil {
				t.Fatal("there is no secret")
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/api/articles", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-API-Key", secret[1])
			resp, err := http.DefaultClient.Do(r) // the connection stays open
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("got %d", resp.StatusCode)
			}
			if left := entries(t, demo.temp); len(left) != 1 {
				t.Errorf("there are %v in the folder for temporary files; want the demo's alone", left)
			}
			if code := demo.stop(signal); code != 0 {
				t.Errorf("it ended with code %d", code)
			}
			if left := entries(t, demo.temp); len(left) != 0 {
				t.Errorf("it left %v behind", left)
			}
			if left := entries(t, demo.cmd.Dir); len(left) != 0 {
				t.Errorf("it left %v in the home folder", left)
			}
			if out := demo.out.String(); !strings.HasSuffix(out, "The demo is over; its tokens are gone.\n") {
				t.Errorf("its last line is another one: %s", out)
			}
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatalf("the port is not free: %v", err)
			}
			l.Close()
		})
	}
}

func TestDemoRefusesAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, _, other := startDemo(t, "127.0.0.1:0")
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"in use", []string{"--addr", taken.Addr().String()}, `^Error: \S+ is in use; choose another address with --addr, such as --addr 127\.0\.0\.1:0 for a free port\n$`},
		{"in use by another demo", []string{"--addr", other}, `^Error: \S+ is in use; .*\n$`},
		{"no port", []string{"--addr", "127.0.0.1"}, `^Error: --addr 127\.0\.0\.1: .*missing port.*\n$`},
		{"no number", []string{"--addr", "127.0.0.1:http-or-so"}, `^Error: --addr 127\.0\.0\.1:http-or-so: .*\n$`},
		{"too large a port", []string{"--addr", "127.0.0.1:70000"}, `^Error: --addr 127\.0\.0\.1:70000: .*invalid port.*\n$`},
		{"somebody else's address", []string{"--addr", "192.0.2.1:8080"}, `^Error: --addr 192\.0\.2\.1:8080: .*\n$`},
		{"of the pages in use", []string{"--addr", "127.0.0.1:0", "--pages-addr", taken.Addr().String()}, `^Error: \S+ is in use; choose another address with --pages-addr, such as --pages-addr 127\.0\.0\.1:0 for a free port\n$`},
		{"surplus word", []string{"8080"}, `^Error: .*8080.*\n$`},
		{"unknown flag", []string{"--port", "8080"}, `^Error: unknown flag: --port\n$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			demo := start(t, append([]string{"demo"}, c.args...)...)
			if code := demo.wait(); code != 1 {
				t.Errorf("it ended with code %d", code)
			}
			if out := demo.out.String(); !regexp.MustCompile(c.says).MatchString(out) {
				t.Errorf("it printed %q; want %s", out, c.says)
			}
			if left := entries(t, demo.temp); len(left) != 0 {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

// TestDemoOnAllAddresses looks for an address to paste where it listens on all.
func TestDemoOnAllAddresses(t *testing.T) {
	demo, _, addr := startDemo(t, "0.0.0.0:0")
	if host, _, err := net.SplitHostPort(addr); err != nil || host != "127.0.0.1" {
		t.Errorf("the lines are for %s", addr)
	}
	resp, err := http.Get("http://" + addr + "/api/articles")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("there it answers %d; want the gate to be closed", resp.StatusCode)
	}
	if code := demo.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("it ended with code %d", code)
	}
}

func entries(t *testing.T, folder string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

// TestDemoUnderItsName wants the same of localhost as of its address: the gate is closed,
// and the pages are there.
func TestDemoUnderItsName(t *testing.T) {
	_, printed, addr := startDemo(t, "127.0.0.1:0")
	for name, c := range map[string]struct {
		address, path string
		status        int
	}{
		"the API":   {addr, "/api/articles", http.StatusUnauthorized},
		"the pages": {pagesOf(t, printed), "/sign-in", http.StatusOK},
		"the link":  {pagesOf(t, printed), "/demo", http.StatusOK},
	} {
		_, port, _ := net.SplitHostPort(c.address)
		for _, host := range []string{"127.0.0.1", "localhost"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.address+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = net.JoinHostPort(host, port)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != c.status || len(text) == 0 {
				t.Errorf("%s at %s: %d and %d bytes, %v; want %d", name, host, resp.StatusCode, len(text), err, c.status)
			}
		}
	}
}

// The pages are beside the gateway, where a bookmark finds them again.
func TestDemoPagesAddress(t *testing.T) {
	first, second := neighbours(t)
	_, printed, at := startDemo(t, first)
	if pages := pagesOf(t, printed); at != first || pages != second {
		t.Errorf("the gateway is at %s and the pages are at %s; want %s and %s", at, pages, first, second)
	}

	first, second = neighbours(t)
	taken, err := net.Listen("tcp", second)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, printed, _ = startDemo(t, first); pagesOf(t, printed) == second {
		t.Errorf("the pages are at a port that is taken: %s", second)
	}

	first, _ = neighbours(t)
	demo := start(t, "demo", "--addr", "127.0.0.1:0", "--pages-addr", first)
	if pages := pagesOf(t, demo.prints(ready)); pages != first {
		t.Errorf("the pages are at %s; want %s", pages, first)
	}
}

// neighbours returns two addresses that are free, one port beside the other.
func neighbours(t *testing.T) (first, second string) {
	t.Helper()
	for range 100 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.Addr().(*net.TCPAddr).Port
		second = fmt.Sprintf("127.0.0.1:%d", port+1)
		b, err := net.Listen("tcp", second)
		a.Close()
		if err == nil {
			b.Close()
			return a.Addr().String(), second
		}
	}
	t.Fatal("no two ports are free beside each other")
	return "", ""
}

func pagesOf(t *testing.T, printed string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^  http://(\S+)/demo#`).FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("there is no link in:\n%s", printed)
	}
	return found[1]
}

// TestSiteOn has Caddy read how sites begin, those on IPv6 as well.
func TestSiteOn(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8080":   "127.0.0.1:8080",
		"192.0.2.7:8080":   "192.0.2.7:8080",
		"[::1]:8080":       "[::1]:8080",
		"[2001:db8::1]:80": "[2001:db8::1]:80",
		"0.0.0.0:8080":     ":8080",
		"[::]:8080":        ":8080",
	} {
		config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(siteOn(addr)+"\n\trespond \"here\"\n}\n"), nil)
		if err != nil || !strings.Contains(string(config), fmt.Sprintf(`"listen":[%q]`, want)) {
			t.Errorf("a site on %s is %s, %v; want it to listen on %s", addr, config, err, want)
		}
	}
}
