package caddymodule

import (
	"context"
	"crypto/rand"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

const (
	// presenceInterval is how often a gateway says that it is there.
	presenceInterval = admin.GatewayAlive / 3
	presenceTimeout  = 5 * time.Second
	leaveTimeout     = 2 * time.Second

	// keptGateway is for how long a gateway that went away without a word is kept.
	keptGateway   = 24 * time.Hour
	forgetEvery   = time.Hour
	forgetTimeout = 10 * time.Second

	maxGatewayName = 64 // bytes, as those of its version
)

// presence is what a runtime says of itself in the store, for people to see which
// gateways are there. No request and no start depends on it.
type presence struct {
	id      string
	name    string // of the machine
	changed chan struct{}

	mu   sync.Mutex
	apps []appPresence // the newest last, which counts
}

// appPresence is a configuration and the APIs that it protects.
type appPresence struct {
	app  *App
	apis []store.Gateway
}

func newPresence() *presence {
	name, _ := os.Hostname() // empty if it has none
	return &presence{id: rand.Text(), name: cut(name, maxGatewayName), changed: make(chan struct{}, 1)}
}

// begin notes a configuration that starts.
func (p *presence) begin(a *App, now time.Time) {
	before := p.apis()
	var apis []store.Gateway
	for api, catalog := range a.catalogs {
		g := store.Gateway{ID: p.id, API: api, Name: p.name, Version: moduleVersion(), Fingerprint: catalog.Fingerprint(), Started: now}
		i := slices.IndexFunc(before, func(b store.Gateway) bool { return b.API == api && b.Fingerprint == g.Fingerprint })
		if i >= 0 {
			g.Started = before[i].Started
		}
		apis = append(apis, g)
	}
	p.mu.Lock()
	p.apps = append(p.apps, appPresence{a, apis})
	p.mu.Unlock()
	p.tell()
}

// end notes that a configuration has ended: the one of before, or a new one of
// which something else could not be started.
func (p *presence) end(a *App) {
	p.mu.Lock()
	p.apps = slices.DeleteFunc(p.apps, func(other appPresence) bool { return other.app == a })
	p.mu.Unlock()
	p.tell()
}

// tell lets the store be told soon.
func (p *presence) tell() {
	select {
	case p.changed <- struct{}{}:
	default: // it will be
	}
}

// apis returns what is protected now.
func (p *presence) apis() []store.Gateway {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.apps) == 0 {
		return nil
	}
	return p.apps[len(p.apps)-1].apis
}

// announce says in the store that this gateway is there, until the context ends.
func (rt *runtime) announce(ctx context.Context, s store.Store) {
	failing, due := false, time.Now()
	for ctx.Err() == nil {
		err := rt.saveGateway(ctx, s, rt.presence.apis(), presenceTimeout)
		if err == nil && !time.Now().Before(due) {
			err = forgetGateways(ctx, s)
			due = time.Now().Add(forgetEvery)
		}
		switch {
		case ctx.Err() != nil || isAway(err): // the latter is said by noteStore
		case err != nil && !failing:
			failing = true
			rt.logger.Load().Warn("noting this gateway in the store failed; until that works, it is missing from the list of gateways", zap.Error(err))
		case err == nil && failing:
			failing = false
			rt.logger.Load().Info("this gateway is noted in the store again")
		}
		rt.presence.wait(ctx)
	}
	if !rt.health.snapshot().away {
		_ = rt.saveGateway(context.WithoutCancel(ctx), s, nil, leaveTimeout) // else it will be seen to be silent
	}
}

// wait waits until the store is to be told again.
func (p *presence) wait(ctx context.Context) {
	timer := time.NewTimer(presenceInterval - jitter(presenceInterval/10))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.changed:
	case <-timer.C:
	}
}

func (rt *runtime) saveGateway(ctx context.Context, s store.Store, apis []store.Gateway, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return s.SaveGateway(ctx, rt.presence.id, apis)
}

// forgetGateways removes those that are gone.
func forgetGateways(ctx context.Context, s store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, forgetTimeout)
	defer cancel()
	return s.PruneGateways(ctx, keptGateway)
}

const modulePath = "github.com/tokenreeve/tokenreeve"

// moduleVersion returns the version of this module, or nothing if that can't be told.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	version := ""
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath {
			version = m.Version
		}
	}
	if version == "(devel)" {
		return ""
	}
	return cut(version, maxGatewayName)
}

// cut returns at most so many bytes of a text.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
