package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPages runs a real browser on the pages: each e2e/pages/*.spec.ts has a
// gateway of its own, with accounts of every role and tokens in its store, so
// that what one of them changes is not in the way of others. To run one alone:
//
//	go test ./e2e -run TestPages/list
//
// Pictures of what they see are in e2e/pages/screenshots afterwards.
func TestPages(t *testing.T) {
	t.Parallel() // for its subtests; nothing else here is
	b := newBrowser(t)
	specs, err := filepath.Glob(filepath.Join(b.dir, "*.spec.ts"))
	if err != nil || len(specs) == 0 {
		t.Fatalf("there are %d specs, %v", len(specs), err)
	}
	samples := newSamples(t)
	t.Cleanup(func() { shrinkPictures(t, os.Getenv("PAGES_PICTURES")) })
	for _, spec := range specs {
		spec = filepath.Base(spec)
		t.Run(strings.TrimSuffix(spec, ".spec.ts"), func(t *testing.T) {
			t.Parallel()
			if spec == "demo.spec.ts" {
				b.run(t, spec, startDemo(t))
				return
			}
			b.run(t, spec, samples.of(t, spec))
		})
	}
}

// browser runs specs.
type browser struct {
	dir, node, chromium string
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	dir := filepath.Join(root, "e2e", "pages")
	b := browser{dir: dir, node: installedIn(t, dir)}
	var err error
	if b.chromium, err = exec.LookPath("chromium"); err != nil {
		missing(t, "Chromium is missing")
	}
	return b
}

// run runs a spec, and tells each of its tests as a test.
func (b browser) run(t *testing.T, spec string, given any) {
	t.Helper()
	dir := t.TempDir()
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(dir, "report.json")
	env := append(os.Environ(), "PAGES_GIVEN="+string(text), "PAGES_CHROMIUM="+b.chromium, "PAGES_OUTPUT="+filepath.Join(dir, "output"),
		"PLAYWRIGHT_JSON_OUTPUT_FILE="+report, "NO_COLOR=1", "FORCE_COLOR=0")
	stdout, stderr, code := run(t, b.dir, env, b.node, filepath.Join("node_modules", "@playwright", "test", "cli.js"), "test", spec)
	var r playwrightReport
	text, err = os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatalf("%v, code %d: %s%s", err, code, stdout, stderr)
	}
	for _, e := range r.Errors {
		t.Error(e.Message)
	}
	ran := 0
	for _, suite := range r.Suites {
		ran += suite.tell(t)
	}
	if ran == 0 || code != 0 && !t.Failed() {
		t.Errorf("%d tests ran, code %d: %s%s", ran, code, stdout, stderr)
	}
}

// playwrightReport is the part of Playwright's report that is told.
type playwrightReport struct {
	Suites []playwrightSuite
	Errors []playwrightError
}

type playwrightError struct{ Message string }

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

type playwrightSuite struct {
	Title  string
	Suites []playwrightSuite
	Specs  []struct {
		Title string
		Tests []struct {
			Results []struct {
				Status   string
				Duration int // milliseconds
				Errors   []playwrightError
			}
		}
	}
}

// tell makes a test of each test, and returns their number.
func (s playwrightSuite) tell(t *testing.T) (ran int) {
	t.Helper()
	for _, spec := range s.Specs {
		ran++
		t.Run(spec.Title, func(t *testing.T) {
			for _, test := range spec.Tests {
				for _, result := range test.Results {
					t.Logf("%d ms", result.Duration)
					for _, e := range result.Errors {
						t.Error(colours.ReplaceAllString(e.Message, ""))
					}
					if result.Status != "passed" && !t.Failed() {
						t.Error(result.Status)
					}
				}
			}
		})
	}
	for _, suite := range s.Suites {
		t.Run(suite.Title, func(t *testing.T) { ran += suite.tell(t) })
	}
	return ran
}
