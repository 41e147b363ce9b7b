package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the module.
var root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(file))
}()

// binaries is where the gateways are built, for the whole run.
var binaries string

func TestMain(m *testing.M) {
	if path := os.Getenv(writerVariable); path != "" {
		if err := writeSteps(path, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "tokenreeve-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(binaries)
		return m.Run()
	}())
}

// ready builds the binary of cmd/tokenreeve, once.
var ready = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaries, "tokenreeve")
	return binary, build(root, binary, "./cmd/tokenreeve")
})

// viaXcaddy builds Caddy with this module by the steps of xcaddy, once: a main
// package of its own with Caddy's standard modules and this one, the checkout in
// the place of a published version, and xcaddy's flags. Only its -trimpath is
// left out, so that what is compiled already can be used, and its `go get`, which
// asks the network for newer versions: the versions are those of go.mod.
var viaXcaddy = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(binaries, "xcaddy")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	gosum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	const module = "github.com/tokenreeve/tokenreeve"
	own := strings.Replace(string(gomod), "module "+module, "module caddy", 1)
	own += fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, root)
	for name, text := range map[string]string{"go.mod": own, "go.sum": string(gosum), "main.go": xcaddyMain} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	binary := filepath.Join(binaries, "caddy")
	return binary, build(dir, binary, "-tags", "nobadger,nomysql,nopgx", ".")
})

// xcaddyMain is the main.go that `xcaddy build --with` writes.
const xcaddyMain = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// plug in Caddy modules here
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/tokenreeve/tokenreeve"
)

func main() {
	caddycmd.Main()
}
`

func build(dir, binary string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", binary, "-ldflags", "-w -s"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out.String())
	}
	return nil
}

// onBothBinaries runs a test with the ready binary and with what xcaddy makes.
func onBothBinaries(t *testing.T, test func(t *testing.T, binary string)) {
	for name, build := range map[string]func() (string, error){"tokenreeve": ready, "xcaddy": viaXcaddy} {
		t.Run(name, func(t *testing.T) {
			binary, err := build()
			if err != nil {
				t.Fatal(err)
			}
			test(t, binary)
		})
	}
}

// readyBinary returns the binary of cmd/tokenreeve.
func readyBinary(t *testing.T) string {
	t.Helper()
	binary, err := ready()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
