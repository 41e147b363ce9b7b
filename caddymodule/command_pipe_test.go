//go:build unix

package caddymodule

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A token whose secret reached nobody is told of, rather than the command ending without a word.
func TestSecretIntoBrokenPipe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gateway.json")
	write(t, file, gatewayJSON)
	run := func(args ...string) string {
		t.Helper()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := r.Close(); err != nil { // who reads went away
			t.Fatal(err)
		}
		var said strings.Builder
		cmd := exec.Command("caddy", append(append([]string{"api-tokens"}, args...), "--config", file)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = dir, w, &said, append(os.Environ(), "HOME="+dir)
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%v: %v", args, err)
		}
		return said.String()
	}
	for _, args := range [][]string{
		{"create", "--api", "articles", "--name", "ci"}, {"create", "--api", "articles", "--name", "other", "--json"}, {"regenerate", "ci"},
	} {
		if got := run(args...); !strings.Contains(got, "has a new secret, but it could not be printed; regenerate it") {
			t.Errorf("%v: %q", args, got)
		}
	}
}
