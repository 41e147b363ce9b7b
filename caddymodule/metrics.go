package caddymodule

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokenreeve/tokenreeve/gate"
)

// metrics are counted in the runtime, so that they go on over a reload. No
// label holds anything that a client chooses.
type metrics struct {
	decisions *prometheus.CounterVec
	events    [gate.Up + 1]prometheus.Counter // nil where an event is not counted
	all       []prometheus.Collector
}

func newMetrics(rt *runtime) *metrics {
	m := &metrics{}
	m.decisions = collect(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tokenreeve_decisions_total", Help: "Requests by API, outcome and reason.",
	}, []string{"api", "outcome", "reason"}))
	cache := collect(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tokenreeve_cache_total", Help: "Secrets by how they were found: hit, miss, absent (known to be unknown), stale (past cache_ttl, the store is away).",
	}, []string{"result"}))
	m.events[gate.Hit], m.events[gate.Miss] = cache.WithLabelValues("hit"), cache.WithLabelValues("miss")
	m.events[gate.HitAbsent], m.events[gate.Stale] = cache.WithLabelValues("absent"), cache.WithLabelValues("stale")
	lookups := collect(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tokenreeve_lookups_total", Help: "Look-ups in the store by result: found, absent, failed.",
	}, []string{"result"}))
	m.events[gate.LookupFound], m.events[gate.LookupAbsent] = lookups.WithLabelValues("found"), lookups.WithLabelValues("absent")
	m.events[gate.LookupFailed] = lookups.WithLabelValues("failed")
	m.addStore(&rt.health, rt.hears)
	m.addLastUse(func() gate.Stats { return rt.recorder.Stats() })
	return m
}

func (m *metrics) addStore(h *health, hears func() bool) {
	collect(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tokenreeve_store_up", Help: "1 if the token store answers, 0 while it doesn't.",
	}, func() float64 {
		if h.snapshot().up {
			return 1
		}
		return 0
	}))
	collect(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tokenreeve_store_answered_timestamp_seconds", Help: "When the token store last answered; 0 if it never did.",
	}, func() float64 {
		if last := h.snapshot().last; !last.IsZero() {
			return float64(last.UnixMilli()) / 1000
		}
		return 0
	}))
	collect(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tokenreeve_store_clock_offset_seconds", Help: "By how much the clock of the token store is ahead of this machine's.",
	}, func() float64 {
		return h.snapshot().offset.Seconds()
	}))
	collect(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tokenreeve_store_watched", Help: "1 if changes of tokens by others are heard of, 0 while cache_ttl alone bounds how long they go unseen.",
	}, func() float64 {
		if hears() {
			return 1
		}
		return 0
	}))
}

func (m *metrics) addLastUse(stats func() gate.Stats) {
	collect(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tokenreeve_last_use_pending", Help: "Tokens with uses that are not written to the store yet.",
	}, func() float64 { return float64(stats().Pending) }))
	for name, of := range map[string]struct {
		help  string
		value func(gate.Stats) uint64
	}{
		"tokenreeve_last_use_writes_total":        {"Statements that wrote uses, failed ones included.", func(s gate.Stats) uint64 { return s.Writes }},
		"tokenreeve_last_use_failed_writes_total": {"Statements that failed; their uses are kept.", func(s gate.Stats) uint64 { return s.Failed }},
		"tokenreeve_last_use_dropped_total":       {"Requests not counted, since too many uses were pending.", func(s gate.Stats) uint64 { return s.Dropped }},
	} {
		collect(m, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: of.help},
			func() float64 { return float64(of.value(stats())) }))
	}
}

func collect[C prometheus.Collector](m *metrics, c C) C {
	m.all = append(m.all, c)
	return c
}

// register adds the metrics to the registry of a configuration.
func (m *metrics) register(registry prometheus.Registerer) error {
	for _, c := range m.all {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(c); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}

func (m *metrics) event(e gate.Event) {
	if c := m.events[e]; c != nil {
		c.Inc()
	}
}

// decisionCounters returns a counter for each reason, ready for the hot path.
func (m *metrics) decisionCounters(api string) map[gate.Reason]prometheus.Counter {
	counters := map[gate.Reason]prometheus.Counter{}
	for _, reason := range gate.Reasons() {
		counters[reason] = m.decisions.WithLabelValues(api, outcome(reason), string(reason))
	}
	return counters
}

func outcome(reason gate.Reason) string {
	switch {
	case reason.Allows():
		return "allowed"
	case reason == gate.StoreUnavailable || reason == gate.Failure:
		return "failed"
	}
	return "refused"
}
