package gate

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// BenchmarkUnknownFlood asks for 1,000,000 different unknown secrets in a row,
// well-formed ones, while known tokens are decided on beside them. The store is
// a map. Reported are look-ups and memory per flood, and the latency of the
// known tokens without and with the flood.
func BenchmarkUnknownFlood(b *testing.B) {
	const flood, tokens = 1_000_000, 1000
	s, events := newMemoryStore(), new(eventCounts)
	known := make([]string, tokens)
	for i := range known {
		known[i] = mint(uint64(i))
		s.put(known[i], newToken("a", token.Custom, "article.find"))
	}
	unknown := make([]string, flood)
	for i := range unknown {
		unknown[i] = mint(uint64(tokens + i))
	}
	r := newResolver(b, s, func(c *Config) { c.CacheSize, c.TTL, c.Event = 100_000, time.Hour, events.event })
	for _, secret := range known {
		ask(r, secret)
	}
	r.cache.Wait()
	for b.Loop() {
		calmHalf, calmMost := percentiles(knownLatencies(r, known, nil))
		lookups, before := s.lookups.Load(), heap()
		var ended atomic.Bool
		took := make(chan time.Duration, 1)
		go func() {
			began := time.Now()
			for _, secret := range unknown {
				if k, _ := ask(r, secret); k != nil {
					panic("an unknown secret is known")
				}
			}
			took <- time.Since(began)
			ended.Store(true)
		}()
		missed := events[Miss].Load()
		half, most := percentiles(knownLatencies(r, known, &ended))
		duration := <-took
		b.ReportMetric(float64(duration)/flood, "ns/unknown")
		b.ReportMetric(float64(s.lookups.Load()-lookups), "lookups")
		b.ReportMetric(float64(events[Miss].Load()-missed-flood), "known-misses")
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-grown")
		b.ReportMetric(calmHalf, "calm-p50-ns")
		b.ReportMetric(calmMost, "calm-p99-ns")
		b.ReportMetric(half, "flood-p50-ns")
		b.ReportMetric(most, "flood-p99-ns")
	}
}

// knownLatencies asks for known tokens until the flood ended, or 200,000 times.
func knownLatencies(r *Resolver, known []string, ended *atomic.Bool) []time.Duration {
	latencies := make([]time.Duration, 0, 8_000_000)
	for i := 0; len(latencies) < cap(latencies); i++ {
		if ended == nil && i == 200_000 || ended != nil && ended.Load() {
			break
		}
		began := time.Now()
		if k, reason := ask(r, known[i%len(known)]); k == nil {
			panic("a known token is refused: " + reason)
		}
		latencies = append(latencies, time.Since(began))
	}
	return latencies
}

func percentiles(latencies []time.Duration) (half, most float64) {
	slices.Sort(latencies)
	return float64(latencies[len(latencies)/2]), float64(latencies[len(latencies)*99/100])
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
