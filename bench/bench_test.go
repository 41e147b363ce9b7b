//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
)

// TestMain lets the test's binary play the backend and the load generator too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && roles[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

// The harness runs from end to end. Speed is not judged: the machine may be
// busy with other tests.
func TestSmokeRunWithStockCaddy(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs Caddy")
	}
	var out, progress bytes.Buffer
	args := []string{"-quick", "-only", "^noise-stock$", "-cores", "all"}
	err := run(t.Context(), args, strings.NewReader(""), &out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	for _, want := range []string{"Measured on ", "| noise: stock Caddy against itself: CPU per request | stock: ", "requests per second"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "NaN") {
		t.Errorf("something was not measured:\n%s", &out)
	}
}

func TestSmokeRunWithPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the gateway")
	}
	var out, progress bytes.Buffer
	args := []string{"-quick", "-only", "^postgres", "-cores", "all"}
	err := run(t.Context(), args, strings.NewReader(""), &out, &progress)
	if errors.Is(err, pgtest.ErrMissing) && os.Getenv("TOKENREEVE_FULL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	for _, want := range []string{
		"| rows that Postgres handed out for that | ", "| 100 requests at once with one token, Postgres 5 ms away: look-ups that Postgres got | 1 (",
		"last-use statements | ", "alive on the heap", "| a known token: p99 | Postgres here: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "NaN") || strings.Contains(out.String(), "Inf") {
		t.Errorf("something was not measured:\n%s", &out)
	}
}

func TestSmokeRunWithPages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the gateway")
	}
	var out, progress bytes.Buffer
	err := run(t.Context(), []string{"-quick", "-only", "^pages$", "-cores", "all"}, strings.NewReader(""), &out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	wanted := []string{"| first page | SQLite | ", "| a page in the middle | SQLite | ", "| a search that one matches | SQLite | "}
	if os.Getenv("TOKENREEVE_FULL") == "1" {
		wanted = append(wanted, "| unused for 90 days | Postgres | ")
	}
	for _, want := range wanted {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
}

// A benchmark of failing requests would look fast, so they must end it.
func TestLoadFailsOnUnexpectedStatus(t *testing.T) {
	addr := backendForTest(t)
	now := time.Now()
	spec := loadSpec{
		Addr: addr, Conns: 2, Before: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Status: 403,
		Windows: []window{{From: now, To: now.Add(time.Second)}}, Stop: now.Add(time.Second),
	}
	if _, err := generate(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "200 instead of 403") {
		t.Errorf("got %v", err)
	}
	spec.Status, spec.Limit = 200, 5
	result, err := generate(t.Context(), spec)
	if err != nil || result.Requests != 5 {
		t.Errorf("a load of 5 requests gave %+v, %v", result, err)
	}
}

func backendForTest(t *testing.T) string {
	t.Helper()
	stdin, end := io.Pipe()
	stdout, told := io.Pipe()
	ended := make(chan error)
	go func() { ended <- runBackend(t.Context(), stdin, told) }()
	t.Cleanup(func() {
		_ = end.Close()
		if err := <-ended; err != nil {
			t.Errorf("the backend ended with %v", err)
		}
	})
	addr := make([]byte, 64)
	n, err := stdout.Read(addr)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(addr[:n]))
}

func TestBinariesThatDoNotStartFailLoudly(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no luck >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"-quick", "-only", "^noise-stock$", "-cores", "all", "-stock", broken}
	err := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("got %v", err)
	}
}

func TestHistogramQuantiles(t *testing.T) {
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond} {
		if got := h.quantile(share); math.Abs(float64(got-want)) > 0.05*float64(want) {
			t.Errorf("the %v quantile is %v, want about %v", share, got, want)
		}
	}
	h.add(-1)
	h.add(math.MaxInt64)
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		target target
		spread spread
		want   string
	}{
		{atMost(1.01), spread{0.99, 1.00, 1.005}, "met"},
		{atMost(1.01), spread{1.00, 1.005, 1.02}, "met, within the noise"},
		{atMost(1.01), spread{1.02, 1.03, 1.04}, "missed"},
		{atLeast(0.99), spread{0.97, 0.98, 1.00}, "missed, within the noise"},
		{target{}, spread{1, 2, 3}, "–"},
	} {
		if got := c.target.verdict(c.spread); got != c.want {
			t.Errorf("%v for %v: %q, want %q", c.target, c.spread, got, c.want)
		}
	}
	if got := spreadOf([]float64{4, 1, 3, 2}); got != (spread{1.75, 2.5, 3.25}) {
		t.Errorf("spread of 1 to 4: %v", got)
	}
}

func TestWriteBetweenMarkers(t *testing.T) {
	page := filepath.Join(t.TempDir(), "performance.md")
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"
	write("before\n" + begin + "\nold\n" + end + "\nafter\n")
	for range 2 { // the second time changes nothing
		if err := writeBetweenMarkers(page, gateMark, "new\n"); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(page)
		if want := "before\n" + begin + "\nnew\n" + end + "\nafter\n"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	write("no markers\n")
	if err := writeBetweenMarkers(page, postgresMark, "new\n"); err == nil {
		t.Error("a page without markers was written")
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"surplus"}, {"-cores", "two"}, {"-rounds", "0"}, {"-only", "("}, {"-quick", "-write", "x.md"}, {"-unknown"},
	} {
		if _, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
