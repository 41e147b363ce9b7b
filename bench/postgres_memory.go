//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// measureMemory fills the cache of gateways. What is alive on the heap is what
// the tokens take; what the process grows by has garbage in it, as much as the
// collector is told to let lie.
func (b *bench) measureMemory(ctx context.Context, d *database, r *postgresReport) error {
	const unit = 100_000
	n := d.share(8, unit)
	secrets, err := d.fresh(n)
	if err != nil {
		return err
	}
	var grown [2]memory
	for i, percent := range []string{"100", ""} {
		s := d.side("gateway", d.full, "\t\tcache_ttl 1h\n", secrets)
		if percent != "" {
			s = s.collector(percent)
		}
		err := b.onGateway(ctx, s, func(l *lane) error {
			var err error
			grown[i], err = b.fillCache(ctx, l, secrets)
			return err
		})
		if err != nil {
			return err
		}
	}
	per := func(bytes int64) float64 { return float64(bytes) / float64(n) * unit / (1 << 20) }
	r.single(fmt.Sprintf("memory for %d tokens, alive on the heap (%d were read, %d were still there)", unit, n, n-int(grown[0].missing)), "%.1f MiB", per(grown[0].live))
	r.compare("memory for as many, resident", "MiB", "GOGC=100", per(grown[0].resident), "the binary's GOGC=800", per(grown[1].resident))
	return nil
}

// memory is how much a gateway grew.
type memory struct {
	live, resident int64
	missing        float64 // tokens that had to be read a second time
}

func (b *bench) fillCache(ctx context.Context, l *lane, secrets []string) (memory, error) {
	// What serving takes by itself is not of the tokens.
	if _, err := b.drive(ctx, l, secrets[:1], len(secrets), 0); err != nil {
		return memory{}, err
	}
	before, err := l.memory(ctx)
	if err != nil {
		return memory{}, err
	}
	if _, err := b.drive(ctx, l, secrets, len(secrets), 0); err != nil {
		return memory{}, err
	}
	after, err := l.memory(ctx)
	if err != nil {
		return memory{}, err
	}
	filled, err := l.scrape(ctx)
	if err != nil {
		return memory{}, err
	}
	if _, err := b.drive(ctx, l, secrets, len(secrets), 0); err != nil {
		return memory{}, err
	}
	again, err := l.scrape(ctx)
	return memory{
		live: after.live - before.live, resident: after.resident - before.resident, missing: again[cacheMisses] - filled[cacheMisses],
	}, err
}

// memory reads what the gateway has now. The resident memory comes first, since
// the other number needs a collection.
func (l *lane) memory(ctx context.Context) (m memory, err error) {
	if m.resident, err = residentMemory(l.gateway.pid()); err != nil {
		return m, err
	}
	m.live, err = l.liveHeap(ctx)
	return m, err
}

// liveHeap lets the gateway collect its garbage and returns what is left, as
// Caddy's admin endpoint tells it at the end of the profile of the heap.
func (l *lane) liveHeap(ctx context.Context) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.admin+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewReader(answer.Body)
	for {
		line, err := lines.ReadString('\n')
		if value, ok := strings.CutPrefix(line, "# HeapAlloc = "); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err != nil {
			return 0, errors.New("the profile of the heap has no HeapAlloc")
		}
	}
}
