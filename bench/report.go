//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
)

// target is what a ratio should be; the zero target is none.
type target struct {
	bound float64
	least bool // the bound is a lower one
}

func atMost(bound float64) target { return target{bound: bound} }

func atLeast(bound float64) target { return target{bound: bound, least: true} }

func (t target) String() string {
	switch {
	case t.bound == 0:
		return "–"
	case t.least:
		return fmt.Sprintf("≥ %.2f", t.bound)
	default:
		return fmt.Sprintf("≤ %.2f", t.bound)
	}
}

// verdict judges the median. Quartiles on both sides of the target make it
// uncertain, and it says so.
func (t target) verdict(s spread) string {
	if t.bound == 0 {
		return "–"
	}
	met := s.median <= t.bound
	if t.least {
		met = s.median >= t.bound
	}
	text := "missed"
	if met {
		text = "met"
	}
	if s.low < t.bound && t.bound < s.high {
		text += ", within the noise"
	}
	return text
}

// report is everything that was measured.
type report struct {
	opts     options
	list     []string
	machine  string
	outcomes []outcome
	flood    *floodResult
	alone    []*aloneRow
	others   spread
	postgres *postgresReport
	pages    *pagesReport
}

// measuredGate reports whether there is anything for the first table.
func (r *report) measuredGate() bool {
	return len(r.outcomes) > 0 || r.flood != nil || len(r.alone) > 0
}

// markdown is the report for people, as it stands in docs/performance.md.
func (r *report) markdown() string {
	if r.list != nil {
		return strings.Join(r.list, "\n") + "\n"
	}
	var parts []string
	if r.measuredGate() {
		parts = append(parts, r.gate())
	}
	if r.postgres != nil {
		parts = append(parts, r.postgres.markdown())
	}
	if r.pages != nil {
		parts = append(parts, r.pages.markdown())
	}
	return strings.Join(parts, "\n")
}

// write puts what was measured between its marks in a page.
func (r *report) write(path string) error {
	if r.measuredGate() {
		if err := writeBetweenMarkers(path, gateMark, r.gate()); err != nil {
			return err
		}
	}
	if r.postgres != nil {
		if err := writeBetweenMarkers(path, postgresMark, r.postgres.markdown()); err != nil {
			return err
		}
	}
	if r.pages != nil {
		return writeBetweenMarkers(path, pagesMark, r.pages.markdown())
	}
	return nil
}

// gate is the part of the report about gateways beside each other.
func (r *report) gate() string {
	var t strings.Builder
	t.WriteString(r.machine)
	t.WriteString("Ratios are B/A, measured at the same time: the median over all pairs of windows between which the sides swapped cores, and the quartiles in brackets.\n")
	if len(r.outcomes) > 0 {
		fmt.Fprintf(&t, "Other processes used %.1f %% of the machine meanwhile (quartiles %.1f and %.1f %%).\n",
			100*r.others.median, 100*r.others.low, 100*r.others.high)
	}
	if len(r.outcomes) > 0 || r.flood != nil {
		t.WriteString("\n| what | A | B | ratio | target | verdict |\n|---|---|---|---|---|---|\n")
	}
	for _, o := range r.outcomes {
		o.rows(&t)
	}
	if r.flood != nil {
		r.flood.rows(&t)
	}
	writeAlone(&t, r.alone)
	for _, o := range r.outcomes {
		writeBlock(&t, fmt.Sprintf("What the gateways of %q counted in the last round:", o.what), o.probes)
	}
	if r.flood != nil {
		writeBlock(&t, "What the gateway counted during the flood:", r.flood.counts)
		writeBlock(&t, "And after it, with the known tokens alone:", r.flood.countsAfter)
	}
	return t.String()
}

func (o outcome) rows(t *strings.Builder) {
	o.row(t, "CPU per request", "µs", o.cpuA, o.cpuB, o.cpuRatio, o.cpu)
	o.row(t, "requests per second", "", o.rateA, o.rateB, o.rateRatio, o.rate)
}

// delayRows are for pairs whose latency is of interest too.
func (o outcome) delayRows(t *strings.Builder) {
	o.row(t, "p50", "ms", o.p50.a, o.p50.b, o.p50.ratio, target{})
	o.row(t, "p99", "ms", o.p99.a, o.p99.b, o.p99.ratio, target{})
}

func (o outcome) row(t *strings.Builder, what, unit string, a, b, ratio []float64, goal target) {
	s := spreadOf(ratio)
	fmt.Fprintf(t, "| %s: %s | %s: %.4g %s | %s: %.4g %s | %.3f (%.3f–%.3f) | %s | %s |\n", o.what, what,
		o.a.name, spreadOf(a).median, unit, o.b.name, spreadOf(b).median, unit,
		s.median, s.low, s.high, goal, goal.verdict(s))
}

// rows compares the known tokens beside the flood with the control and without
// either. There was one run, so there is no spread.
func (f *floodResult) rows(t *strings.Builder) {
	row := func(what, unit string, a, b, divisor float64, nameA, nameB string) {
		fmt.Fprintf(t, "| %s | %s: %.4g %s | %s: %.4g %s | %.3f | – | – |\n",
			what, nameA, a/divisor, unit, nameB, b/divisor, unit, b/a)
	}
	const ms, mb = 1e6, 1 << 20
	flood := fmt.Sprintf("%d unknown tokens, %.0f/s", f.sent, f.rate)
	control := fmt.Sprintf("%.0f/s without a credential", f.controlRate)
	row("known tokens beside a flood: p50", "ms", float64(f.control.P50), float64(f.flooded.P50), ms, control, flood)
	row("known tokens beside a flood: p99", "ms", float64(f.control.P99), float64(f.flooded.P99), ms, control, flood)
	row("known tokens beside a flood: requests per second", "", f.control.perSecond(), f.flooded.perSecond(), 1, control, flood)
	row("the same p50", "ms", float64(f.alone.P50), float64(f.flooded.P50), ms, "alone", flood)
	row("the same p99", "ms", float64(f.alone.P99), float64(f.flooded.P99), ms, "alone", flood)
	row("known tokens after a flood: p99", "ms", float64(f.alone.P99), float64(f.after.P99), ms, "before", "after")
	row("memory of the gateway (VmRSS)", "MiB", float64(f.rssBefore), float64(f.rssAfter), mb, "before the flood", "after")
}

func writeBlock(t *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(t, "\n%s\n\n```\n%s\n```\n", title, strings.Join(lines, "\n"))
}

// The marks in a page between which its last tables stand.
const (
	gateMark     = "bench"
	postgresMark = "postgres"
	pagesMark    = "pages"
)

// writeBetweenMarkers replaces what stands between the markers of a page and
// leaves the rest as it is.
func writeBetweenMarkers(path, mark, text string) error {
	beginMarker, endMarker := "<!-- "+mark+":begin -->", "<!-- "+mark+":end -->"
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), beginMarker)
	_, after, closed := strings.Cut(rest, endMarker)
	if !ok || !closed {
		return fmt.Errorf("%s has no %s followed by %s", path, beginMarker, endMarker)
	}
	changed := before + beginMarker + "\n" + text + endMarker + after
	return os.WriteFile(path, []byte(changed), 0o644) //nolint:gosec // G306: a page of the documentation
}
