package caddymodule

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Invariant 3: no label holds anything that a client chooses, a secret least of all.
func TestMetrics(t *testing.T) {
	b := startBackend(t, "")
	g := newArticles(t, b, map[string]string{"REST": "", "TOKENS": "cache_ttl 1h\n\t\tflush_interval 1h"})
	g.ask("GET", "/x", g.bearer("full"))
	g.ask("GET", "/x", g.bearer("full"))
	g.ask("GET", "/x?api_token="+g.tokens["full"].secret)
	g.ask("POST", "/api/articles", g.bearer("custom"))
	g.ask("GET", "/x", g.bearer("unknown"))
	g.ask("GET", "/x", g.bearer("unknown"))
	g.ask("GET", "/x", "X-API-Key: junk")
	g.ask("OPTIONS", "/x", "Origin: https://x.test", "Access-Control-Request-Method: GET")
	g.ask("GET", "/secret//path", g.bearer("full"))

	want := map[string]float64{
		`tokenreeve_decisions_total{api="articles",outcome="allowed",reason="allowed"}`:              3,
		`tokenreeve_decisions_total{api="articles",outcome="allowed",reason="preflight"}`:            1,
		`tokenreeve_decisions_total{api="articles",outcome="refused",reason="missing_permission"}`:   1,
		`tokenreeve_decisions_total{api="articles",outcome="refused",reason="unknown_token"}`:        2,
		`tokenreeve_decisions_total{api="articles",outcome="refused",reason="malformed_credential"}`: 1,
		`tokenreeve_decisions_total{api="articles",outcome="refused",reason="ambiguous_request"}`:    1,
		`tokenreeve_decisions_total{api="articles",outcome="failed",reason="store_unavailable"}`:     0,
		`tokenreeve_lookups_total{result="absent"}`:                                                  1,
		`tokenreeve_cache_total{result="absent"}`:                                                    1,
		`tokenreeve_store_up`:                     1,
		`tokenreeve_store_watched`:                1,
		`tokenreeve_last_use_pending`:             2,
		`tokenreeve_last_use_writes_total`:        0,
		`tokenreeve_last_use_failed_writes_total`: 0,
		`tokenreeve_last_use_dropped_total`:       0,
	}
	check := func(when string) {
		t.Helper()
		text := g.allMetrics()
		for series, value := range want {
			if !strings.Contains(text, series+" ") {
				t.Errorf("%s: there is no %s", when, series)
			} else if got := g.metric(series); got != value {
				t.Errorf("%s: %s is %v; want %v", when, series, got, value)
			}
		}
		for _, tok := range g.tokens {
			if tok.id != "" && strings.Contains(text, tok.id) {
				t.Errorf("%s: a token's id is in the metrics", when)
			}
		}
		if kind := findSecret(text, g.tokens); kind != "" || strings.Contains(text, "junk") || strings.Contains(text, "/secret") {
			t.Errorf("%s: what clients sent is in the metrics", when)
		}
	}
	check("at first")
	g.mustLoad(articlesSite)
	check("after a reload")
	// Two gates, one registry.
	g.mustLoad(articlesSite + strings.Replace(articlesSite, "http://GATE", "http://other.test"+anyHost(g.addr), 1))
	check("with two gates")

	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (tokenreeve_\w+) (\w+)$`).FindAllStringSubmatch(g.allMetrics(), -1) {
		names = append(names, m[1]+" "+m[2])
	}
	slices.Sort(names)
	wanted := []string{
		"tokenreeve_cache_total counter", "tokenreeve_decisions_total counter", "tokenreeve_last_use_dropped_total counter",
		"tokenreeve_last_use_failed_writes_total counter", "tokenreeve_last_use_pending gauge", "tokenreeve_last_use_writes_total counter",
		"tokenreeve_lookups_total counter", "tokenreeve_store_answered_timestamp_seconds gauge",
		"tokenreeve_store_clock_offset_seconds gauge", "tokenreeve_store_up gauge", "tokenreeve_store_watched gauge",
	}
	if !slices.Equal(names, wanted) {
		t.Errorf("there are %v; want %v", names, wanted)
	}
}
