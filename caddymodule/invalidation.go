package caddymodule

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Invalidation says how the gateways on one Postgres hear of each other's changes.
type Invalidation struct {
	// Mode is listen, which is also the default, or poll: for poolers and for
	// databases that lack LISTEN.
	Mode string `json:"mode,omitempty"`
	// Interval is how often poll asks whether there are changes.
	Interval caddy.Duration `json:"interval,omitempty"`
}

const (
	modeListen = "listen"
	modePoll   = "poll"

	minPoll = 100 * time.Millisecond
)

// poll is the interval for commands; zero is to listen. They hear of nothing, but
// what listens does not work behind poolers.
func (i Invalidation) poll() time.Duration {
	if i.Mode != modePoll {
		return 0
	}
	return max(time.Duration(i.Interval), minPoll)
}

// checkInvalidation checks how changes are heard of against store and cache_ttl.
func (a *App) checkInvalidation() error {
	switch i := a.Invalidation; {
	case i == nil:
		return nil
	case a.Store == nil || a.Store.Driver != driverPostgres:
		return errors.New("invalidation is for store postgres; a SQLite file is looked at four times a second, so leave the line out")
	case i.Mode == modePoll:
		most := durationOr(a.CacheTTL, defaultCacheTTL) // which is the bound without any polling
		if interval := time.Duration(i.Interval); interval < minPoll || interval > most {
			return fmt.Errorf("invalidation poll is %v; it must be from %v to cache_ttl, which is %v", interval, minPoll, most)
		}
	case i.Mode != "" && i.Mode != modeListen:
		return fmt.Errorf("invalidation: %q is not a mode; use listen or poll", i.Mode)
	case i.Interval != 0:
		return errors.New("invalidation listen takes no interval; use poll, or leave the interval out")
	}
	return nil
}
