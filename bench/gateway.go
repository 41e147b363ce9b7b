//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// side is one gateway of a pair, and the request that it gets.
type side struct {
	name  string
	stock bool     // stock Caddy instead of tokenreeve
	gate  bool     // has the directive, so it needs a store
	dsn   string   // where that is in Postgres; "" for a copy of the SQLite one
	words string   // further lines of the global option
	env   []string // on top of the usual
	site  string   // the site's directives; BACKEND stands for the address
	ask   ask
}

// ask is a request as a load generator makes it.
type ask struct {
	before, after string
	secrets       []string
	mint          bool
	status        int
}

// lane is a side that runs: a backend and a gateway in front of it, both on
// the same core.
type lane struct {
	core             int
	backend, gateway *process
	addr, admin      string
	request          ask
	ready            time.Duration // from the gateway's start to its first answer
}

func (l *lane) stop() {
	for _, p := range []*process{l.gateway, l.backend} {
		if p != nil {
			p.stop()
		}
	}
}

// startLane starts the processes of a side in a folder of their own. The
// gateway is tried again on other ports when somebody took one in between.
func (b *bench) startLane(ctx context.Context, s side, core int) (*lane, error) {
	l := &lane{core: core, request: s.ask}
	backend, backendAddr, err := b.startBackend(ctx, core)
	if err != nil {
		return nil, err
	}
	l.backend = backend
	for range 3 {
		if err = b.startGateway(ctx, s, l, backendAddr); err == nil {
			return l, nil
		}
	}
	l.stop()
	return nil, err
}

func (b *bench) startGateway(ctx context.Context, s side, l *lane, backend string) error {
	dir, err := os.MkdirTemp(b.dir, "gateway-")
	if err != nil {
		return err
	}
	if s.gate && s.dsn == "" {
		if err := copyFiles(filepath.Join(dir, "store"), b.storeDir); err != nil {
			return fmt.Errorf("copying the store: %w", err)
		}
	}
	if l.addr, err = freeAddr(); err != nil {
		return err
	}
	if l.admin, err = freeAddr(); err != nil {
		return err
	}
	file := filepath.Join(dir, "Caddyfile")
	text := caddyfile(s, l.addr, l.admin, filepath.Join(dir, "store", storeFile), backend)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	binary := b.tokenreeve
	if s.stock {
		binary = b.stock
	}
	env := append([]string{"DATABASE_URL=" + s.dsn}, s.env...)
	begin := time.Now()
	p, err := b.startProcess(ctx, "gateway", l.core, nil, nil, env, binary, "run", "--config", file, "--adapter", "caddyfile")
	if err != nil {
		return err
	}
	if err := l.awaitReady(ctx, p); err != nil {
		p.stop()
		return fmt.Errorf("%w\nwith the Caddyfile\n%s", err, text)
	}
	l.gateway, l.ready = p, time.Since(begin)
	return nil
}

const (
	apiName   = "bench"
	storeFile = "tokens.db"
	hostName  = "api.example.com"
)

// caddyfile is the configuration of a side. Its site has a host name, as in
// real life; HTTPS is off, since the cost of TLS would hide the difference.
func caddyfile(s side, addr, admin, store, backend string) string {
	_, port, _ := net.SplitHostPort(addr)
	var c strings.Builder
	fmt.Fprintf(&c, "{\n\tadmin %s\n\tpersist_config off\n\tauto_https off\n\tgrace_period 2s\n\tlog default {\n\t\tlevel WARN\n\t}\n", admin)
	if s.gate {
		line := "sqlite " + store
		if s.dsn != "" {
			line = "postgres {env.DATABASE_URL}"
		}
		fmt.Fprintf(&c, "\tapi_tokens {\n\t\tstore %s\n%s\t}\n", line, s.words)
	}
	fmt.Fprintf(&c, "}\n\nhttp://%s:%s {\n\tbind 127.0.0.1\n", hostName, port)
	c.WriteString(strings.ReplaceAll(s.site, "BACKEND", backend))
	c.WriteString("\n}\n")
	return c.String()
}

// awaitReady waits until the gateway answers as it should, and no longer than
// its process lives.
func (l *lane) awaitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.addr)
		if err == nil {
			err = l.tryRequest(conn)
			_ = conn.Close()
			if err != nil {
				return p.failure(err.Error())
			}
			return nil
		}
		select {
		case <-p.done:
			return p.failure("ended before it listened: " + p.err.Error())
		case <-ctx.Done():
			return p.failure("does not listen: " + err.Error())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (l *lane) tryRequest(conn net.Conn) error {
	if l.request.mint {
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	text := l.request.before + strings.Join(l.request.secrets[:min(1, len(l.request.secrets))], "") + l.request.after
	status, err := newClient(conn).roundTrip([]byte(text))
	if err != nil {
		return fmt.Errorf("the first request failed: %w", err)
	}
	if status != l.request.status {
		return fmt.Errorf("the first request was answered %d instead of %d", status, l.request.status)
	}
	return nil
}

// copyFiles copies a flat folder, readable for this user alone as stores must
// be. Every gateway gets the store as it was at the beginning, so that none pays
// for what another wrote.
func copyFiles(to, from string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(from, file.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, file.Name()), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// scrape returns the gateway's own metrics that moved, by line.
func (l *lane) scrape(ctx context.Context) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's metrics: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the gateway's metrics were answered %s", answer.Status)
	}
	return parseMetrics(answer.Body)
}
