package caddymodule

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("api_tokens", parseGlobalOption)
}

// parseGlobalOption parses the global option, the Caddy app:
//
//	api_tokens {
//		store          sqlite <path> | postgres <dsn>
//		invalidation   listen | poll <interval>
//		cache_size     <tokens>
//		cache_ttl      <duration>
//		stale_if_error <duration>
//		flush_interval <duration>
//	}
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next()
	if existing != nil {
		return nil, d.Err("the global option api_tokens stands here twice; write it once")
	}
	if d.NextArg() {
		return nil, d.Errf("surplus word %q; the global option api_tokens takes a block only", d.Val())
	}
	app := new(App)
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.once(d); err != nil {
			return nil, err
		}
		if err := app.parseLine(d); err != nil {
			return nil, err
		}
	}
	if err := app.checkInvalidation(); err != nil {
		return nil, fmt.Errorf("%w, at %s:%d", err, d.File(), seen["invalidation"])
	}
	return httpcaddyfile.App{Name: "api_tokens", Value: caddyconfig.JSON(app, nil)}, nil
}

func (a *App) parseLine(d *caddyfile.Dispenser) (err error) {
	switch d.Val() {
	case "store":
		a.Store, err = parseStore(d)
	case "invalidation":
		a.Invalidation, err = parseInvalidation(d)
	case "cache_size":
		a.CacheSize, err = parseCacheSize(d)
	case "cache_ttl":
		a.CacheTTL, err = parseDuration(d, minCacheTTL, maxCacheTTL)
	case "stale_if_error":
		a.StaleIfError, err = parseDuration(d, 0, maxStaleIfError)
	case "flush_interval":
		a.FlushInterval, err = parseDuration(d, minFlushInterval, maxFlushInterval)
	default:
		err = d.Errf("unknown word %q; api_tokens takes store, invalidation, cache_size, cache_ttl, stale_if_error and flush_interval", d.Val())
	}
	return err
}

func parseStore(d *caddyfile.Dispenser) (*StoreConfig, error) {
	args := d.RemainingArgs()
	if len(args) != 2 { // perhaps pairs without quotes, so they are not repeated
		return nil, d.Err("store takes a driver and a source, such as: store sqlite /var/lib/tokenreeve/tokens.db, or: store postgres {env.DATABASE_URL}")
	}
	if args[1] == "" && args[0] == driverSQLite {
		return nil, d.Err("the path of the store is empty; leave the line out for the default store")
	}
	c := &StoreConfig{Driver: args[0], Source: args[1], Origin: fmt.Sprintf("%s:%d", d.File(), d.Line())}
	if err := c.check(); err != nil {
		return nil, d.WrapErr(err)
	}
	return c, nil
}

func parseInvalidation(d *caddyfile.Dispenser) (*Invalidation, error) {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == modeListen:
		return &Invalidation{Mode: modeListen}, nil
	case len(args) == 2 && args[0] == modePoll:
	default:
		return nil, d.Err("invalidation takes listen, or poll and an interval, such as: invalidation poll 1s")
	}
	interval, err := caddy.ParseDuration(args[1])
	if err != nil {
		return nil, d.Errf("invalidation poll: %q is not a duration; write for example 1s", args[1])
	}
	return &Invalidation{Mode: modePoll, Interval: caddy.Duration(interval)}, nil
}

func parseCacheSize(d *caddyfile.Dispenser) (*int64, error) {
	text, err := oneArg(d, "a number of tokens")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, d.Errf("%q is not a number of tokens", text)
	}
	if err := within("cache_size", n, minCacheSize, maxCacheSize); err != nil {
		return nil, d.WrapErr(err)
	}
	return &n, nil
}

func parseDuration(d *caddyfile.Dispenser, least, most time.Duration) (*caddy.Duration, error) {
	name := d.Val()
	text, err := oneArg(d, "a duration such as 10s")
	if err != nil {
		return nil, err
	}
	value, err := caddy.ParseDuration(text)
	if err != nil {
		return nil, d.Errf("%s: %q is not a duration; write for example 10s", name, text)
	}
	if err := within(name, value, least, most); err != nil {
		return nil, d.WrapErr(err)
	}
	result := caddy.Duration(value)
	return &result, nil
}

// oneArg returns the one argument of the line.
func oneArg(d *caddyfile.Dispenser, what string) (string, error) {
	name := d.Val()
	args := d.RemainingArgs()
	if len(args) != 1 {
		return "", d.Errf("%s takes %s and nothing else", name, what)
	}
	return args[0], nil
}

// lines remembers which words stood in a block already.
type lines map[string]int

// once refuses a word that may stand in its block only once.
func (l lines) once(d *caddyfile.Dispenser) error {
	if first, ok := l[d.Val()]; ok {
		return d.WrapErr(fmt.Errorf("%s stands here twice, first in line %d", d.Val(), first))
	}
	l[d.Val()] = d.Line()
	return nil
}
