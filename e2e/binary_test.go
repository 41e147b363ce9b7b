package e2e

import (
	"debug/buildinfo"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestBinaries looks at what is in both binaries: the modules, the command, no
// cgo, and the collector's setting.
func TestBinaries(t *testing.T) {
	onBothBinaries(t, func(t *testing.T, binary string) {
		env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
		modules, problem, code := run(t, t.TempDir(), env, binary, "list-modules", "--skip-standard")
		if code != 0 || !slices.Equal(strings.Fields(modules)[:4], []string{"admin.api.api_tokens", "api_tokens", "caddy.logging.encoders.api_tokens", "http.handlers.api_tokens"}) {
			t.Errorf("list-modules: code %d, %q, %q", code, modules, problem)
		}
		help, problem, code := run(t, t.TempDir(), env, binary, "api-tokens", "--help")
		for _, command := range []string{"create", "import", "list", "show", "update", "enable", "disable", "regenerate", "delete", "explain", "migrate", "copy"} {
			if code != 0 || !strings.Contains(help, "\n  "+command+" ") {
				t.Errorf("api-tokens --help: code %d, no %s in %q, %q", code, command, help, problem)
			}
		}
		info, err := buildinfo.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if settings["CGO_ENABLED"] != "0" {
			t.Errorf("CGO_ENABLED is %q", settings["CGO_ENABLED"])
		}
		for _, dep := range info.Deps {
			if dep.Path == "github.com/tokenreeve/tokenreeve" && (dep.Version != "v0.0.0" || dep.Replace == nil || dep.Replace.Path != root) {
				t.Errorf("built with %+v; want the checkout", dep)
			}
		}
	})
}

// TestCollector looks at how a running gateway has set Go's garbage collector:
// the ready binary suits it to a server, unless GOGC says otherwise; a binary of
// xcaddy has Go's default, so its service has to set GOGC.
func TestCollector(t *testing.T) {
	onBothBinaries(t, func(t *testing.T, binary string) {
		byItself := "800"
		if strings.HasSuffix(binary, "caddy") {
			byItself = "100"
		}
		for env, want := range map[string]string{"": byItself, "GOGC=": byItself, "GOGC=400": "400", "GOGC=150": "150"} {
			t.Run("env "+env, func(t *testing.T) {
				g := newGateway(t, binary, freeAddress(t))
				if env != "" {
					g.env = append(g.env, env)
				}
				g.start()
				if got := g.metric("go_gc_gogc_percent"); got != want {
					t.Errorf("with %q the percentage is %s; want %s", env, got, want)
				}
			})
		}
	})
}
