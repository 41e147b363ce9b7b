//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// aloneKey selects the decision alone: all that the directive does to a
// request but forwarding it, as the benchmarks of package gate measure it.
const aloneKey = "alone"

// aloneRow is one of these benchmarks over all rounds.
type aloneRow struct {
	name   string
	ns     []float64 // per decision
	ratios []float64 // to the first benchmark of its group, in the same round
	allocs string
}

// measureAlone runs the benchmarks in rounds, so that what disturbs the machine
// for a while disturbs them all, and compares within a round.
func (b *bench) measureAlone(ctx context.Context) ([]*aloneRow, error) {
	binary := filepath.Join(b.dir, "gate.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./gate").CombinedOutput(); err != nil { //nolint:gosec // G204: our own path
		return nil, fmt.Errorf("building the benchmarks of gate: %w\n%s", err, out)
	}
	length := "200ms"
	if b.opts.quick {
		length = "1x"
	}
	var rows []*aloneRow
	for n := range b.opts.rounds {
		b.progress("%s %d/%d\n", aloneKey, n+1, b.opts.rounds)
		out, err := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", "^BenchmarkDecision", //nolint:gosec // G204: our own path
			"-test.benchtime", length, "-test.benchmem").Output()
		if err != nil {
			return nil, fmt.Errorf("benchmarks of gate: %w\n%s", err, out)
		}
		if rows, err = addRound(rows, string(out)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

var benchmarkLine = regexp.MustCompile(`^Benchmark(Decision[^\s]*?)(?:-\d+)?\s.*?([\d.]+) ns/op(?:.*?([\d.]+) decision-ns/op)?.*?(\d+) allocs/op`)

// addRound adds what one run of the benchmarks printed.
func addRound(rows []*aloneRow, out string) ([]*aloneRow, error) {
	base := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		found := benchmarkLine.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		text := found[2]
		if found[3] != "" {
			text = found[3] // without undoing what the decision changed in the request
		}
		ns, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		group, _, _ := strings.Cut(found[1], "/")
		if base[group] == 0 {
			base[group] = ns
		}
		row := rowOf(&rows, found[1])
		row.ns, row.ratios, row.allocs = append(row.ns, ns), append(row.ratios, ns/base[group]), found[4]
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the benchmarks of gate printed no results:\n%s", out)
	}
	return rows, nil
}

func rowOf(rows *[]*aloneRow, name string) *aloneRow {
	for _, r := range *rows {
		if r.name == name {
			return r
		}
	}
	r := &aloneRow{name: name}
	*rows = append(*rows, r)
	return r
}

func writeAlone(t *strings.Builder, rows []*aloneRow) {
	if len(rows) == 0 {
		return
	}
	t.WriteString("\nThe decision alone: all that the directive does to a request but forwarding it. Medians and quartiles over the rounds; the ratio is to the first row of the group, in the same round.\n")
	t.WriteString("\n| case | ns | allocations | ratio |\n|---|---|---|---|\n")
	for _, r := range rows {
		ns, ratio := spreadOf(r.ns), spreadOf(r.ratios)
		fmt.Fprintf(t, "| %s | %.0f (%.0f–%.0f) | %s | %.2f (%.2f–%.2f) |\n",
			strings.TrimPrefix(r.name, "Decision"), ns.median, ns.low, ns.high, r.allocs, ratio.median, ratio.low, ratio.high)
	}
}
