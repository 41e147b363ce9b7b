package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(new(AdminHealth))
}

// AdminHealth adds GET /api_tokens/health to Caddy's admin endpoint: how the
// stores in use are, and whether this gateway can answer anybody at all.
type AdminHealth struct{}

// CaddyModule returns the Caddy module information.
func (*AdminHealth) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.api_tokens",
		New: func() caddy.Module { return new(AdminHealth) },
	}
}

// Routes implements caddy.AdminRouter.
func (*AdminHealth) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/api_tokens/health", Handler: caddy.AdminHandlerFunc(serveHealth)}}
}

// healthReport is the answer. It says nothing of where the store is, nor what it
// said: that can hold what is not for everyone who may look.
type healthReport struct {
	Ready  bool          `json:"ready"` // all of the stores are
	Stores []storeReport `json:"stores"`
}

type storeReport struct {
	Driver         string     `json:"driver"`
	Ready          bool       `json:"ready"`    // there are, or may be, tokens that work
	Up             bool       `json:"up"`       // it answers
	Since          time.Time  `json:"since"`    // when up became what it is
	Answered       *time.Time `json:"answered"` // null: never
	Watched        bool       `json:"watched"`
	WatchFailure   string     `json:"watch_failure,omitempty"` // why it isn't
	LastUsePending int64      `json:"last_use_pending"`
	LastUseFailing bool       `json:"last_use_failing"`
	ClockOffset    float64    `json:"clock_offset"` // seconds that the store's clock is ahead
}

func serveHealth(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("method %s is not allowed", r.Method)}
	}
	report := reportHealth(time.Now())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return json.NewEncoder(w).Encode(report)
}

// reportHealth describes the runtimes in use: one, but while a reload changes
// settings. Without any nothing is protected, and nothing ready.
func reportHealth(now time.Time) healthReport {
	report := healthReport{Stores: []storeReport{}}
	for _, rt := range liveRuntimes() {
		report.Stores = append(report.Stores, rt.report(now))
	}
	report.Ready = len(report.Stores) > 0
	for _, s := range report.Stores {
		report.Ready = report.Ready && s.Ready
	}
	return report
}

func (rt *runtime) report(now time.Time) storeReport {
	h := rt.health.snapshot()
	s := storeReport{
		Driver: rt.settings.store.Driver, Ready: rt.ready(h, now), Up: h.up, Since: h.since.UTC().Truncate(time.Millisecond),
		Watched: h.hearsOthers(), WatchFailure: h.whyDeaf(), LastUsePending: rt.recorder.Stats().Pending, LastUseFailing: h.writeBad,
		ClockOffset: h.offset.Round(10 * time.Millisecond).Seconds(),
	}
	if !h.last.IsZero() {
		last := h.last.UTC().Truncate(time.Millisecond)
		s.Answered = &last
	}
	return s
}

// ready reports whether the gateway can let anybody in. While the store is away
// that is as long as tokens in memory work: a load balancer that takes gateways
// out must not do so with all of them as soon as their one store is away. A store
// that refuses is not away, so nothing works for longer than cache_ttl (rule 15).
func (rt *runtime) ready(h healthState, now time.Time) bool {
	bound := rt.settings.cacheTTL
	if !h.refused {
		bound += rt.settings.staleIfError
	}
	return h.up || now.Sub(h.last) < max(bound, 3*probeInterval)
}

var _ caddy.AdminRouter = (*AdminHealth)(nil)
