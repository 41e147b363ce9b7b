//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// spread is the median of some values and the quartiles around it.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}
}

// quantile interpolates between the two nearest values.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := share * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// cpuPerRequest is in microseconds.
func (m measured) cpuPerRequest() float64 {
	return float64(m.GatewayCPU) / float64(time.Microsecond) / float64(m.Requests)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (m measured) perSecond() float64 { return float64(m.Requests) / m.Seconds }

// compare returns B/A over some windows. The sides swap cores between the
// windows, so the geometric mean is free of what one core is faster or busier
// than the other.
func compare(a, b []measured, of func(measured) float64) float64 {
	var sum float64
	for i := range a {
		sum += math.Log(of(b[i]) / of(a[i]))
	}
	return math.Exp(sum / float64(len(a)))
}
