//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// metrics are the gate's own metrics: the name with its labels, and the value.
type metrics map[string]float64

// parseMetrics reads the Prometheus text format. It keeps what the gate's
// module counts, by prefix, so that a new metric shows up without a change here.
func parseMetrics(r io.Reader) (metrics, error) {
	found := metrics{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "tokenreeve_") && !strings.HasPrefix(line, "api_tokens_") && !strings.HasPrefix(line, "caddy_api_tokens_") {
			continue
		}
		if strings.Contains(line, "_bucket{") || strings.Contains(line, "_created") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("reading the metric %q: %w", line, err)
		}
		found[line[:at]] = value
	}
	return found, lines.Err()
}

// since lists what changed from before to m.
func (m metrics) since(before metrics) []string {
	var lines []string
	for name, value := range m {
		if change := value - before[name]; change != 0 {
			lines = append(lines, fmt.Sprintf("%s %+g", name, change))
		}
	}
	slices.Sort(lines)
	return lines
}
