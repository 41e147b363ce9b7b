//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
)

// pagesKey is the row about the pages on which people manage tokens.
const pagesKey = "pages"

// pageTarget is within what a page of the table is to be answered, 95 times of 100.
const pageTarget = 50 * time.Millisecond

// view is an address of the pages, and what it is of. For a part, a script asks,
// which swaps the table alone.
type view struct {
	what, path string
	part       bool
}

// pagesReport is how long the pages take.
type pagesReport struct {
	about string
	rows  []pageRow
}

type pageRow struct {
	store string
	view  view
	took  []float64 // milliseconds, sorted
	size  int       // bytes
}

func (r *pagesReport) markdown() string {
	var t strings.Builder
	t.WriteString(r.about)
	t.WriteString("\n| page | store | p50 | p95 | longest | size | p95 within 50 ms |\n|---|---|---|---|---|---|---|\n")
	for _, row := range r.rows {
		p95 := quantile(row.took, 0.95)
		met := "yes"
		if p95 > milliseconds(pageTarget) {
			met = "no"
		}
		fmt.Fprintf(&t, "| %s | %s | %.1f ms | %.1f ms | %.1f ms | %d KB | %s |\n",
			row.view.what, row.store, quantile(row.took, 0.5), p95, quantile(row.took, 1), row.size/1000, met)
	}
	return t.String()
}

// measurePages measures gateways on both stores, one after the other.
func (b *bench) measurePages(ctx context.Context) (*pagesReport, error) {
	r := &pagesReport{about: fmt.Sprintf("Measured on %s: %s, %d cores, %s, Linux %s. A gateway with %d tokens, one request after the other, %d for each page.\n",
		time.Now().UTC().Format(time.DateOnly), cpuModel(), runtime.NumCPU(), runtime.Version(), kernel(), b.opts.tokens, b.pageRequests())}
	if err := b.measurePagesOn(ctx, "SQLite", "", r); err != nil {
		return nil, err
	}
	server, err := pgtest.New("")
	if errors.Is(err, pgtest.ErrMissing) {
		b.progress("%v\n", err)
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }()
	name, err := server.CreateDatabase()
	if err != nil {
		return nil, err
	}
	return r, b.measurePagesOn(ctx, "Postgres", server.DSN(name, pgtest.Superuser), r)
}

func (b *bench) pageRequests() int {
	if b.opts.quick {
		return 3
	}
	return 400
}

// measurePagesOn measures one store: the one in Postgres, or a new SQLite file.
func (b *bench) measurePagesOn(ctx context.Context, store, dsn string, r *pagesReport) error {
	b.progress("%s on %s\n", pagesKey, store)
	dir, err := os.MkdirTemp(b.dir, "pages-")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, storeFile)
	cookie, tokenID, err := b.fillForPages(ctx, dsn, file)
	if err != nil {
		return err
	}
	reader, stop, err := b.startPages(ctx, dir, dsn, file, cookie)
	if err != nil {
		return err
	}
	defer stop()
	views, err := reader.views(ctx, tokenID)
	if err != nil {
		return err
	}
	rows := make([]pageRow, len(views))
	const warmUp = 3
	for i := range warmUp + b.pageRequests() {
		for j, v := range views { // in turn, so that what else the machine does is nobody's alone
			took, text, err := reader.get(ctx, v)
			if err != nil {
				return err
			}
			if i >= warmUp {
				rows[j].took = append(rows[j].took, milliseconds(took))
			}
			rows[j].store, rows[j].view, rows[j].size = store, v, len(text)
		}
	}
	for i := range rows {
		slices.Sort(rows[i].took)
	}
	r.rows = append(r.rows, rows...)
	return nil
}

// pageReader asks for pages as somebody who is signed in.
type pageReader struct{ address, cookie string }

// startPages starts a gateway, and waits until it answers.
func (b *bench) startPages(ctx context.Context, dir, dsn, file, cookie string) (pageReader, func(), error) {
	addr, err := freeAddr()
	if err != nil {
		return pageReader{}, nil, err
	}
	line := "sqlite " + file
	if dsn != "" {
		line = "postgres {env.DATABASE_URL}"
	}
	config := filepath.Join(dir, "Caddyfile")
	text := fmt.Sprintf("{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tlog default {\n\t\tlevel WARN\n\t}\n\tapi_tokens {\n\t\tstore %s\n\t}\n}\n\n"+
		"http://%s {\n\tbind 127.0.0.1\n\thandle /api/articles* {\n\t\tapi_tokens %s {\n\t\t\tresource article /api/articles\n\t\t}\n\t}\n\tapi_tokens_admin\n}\n", line, addr, apiName)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return pageReader{}, nil, err
	}
	p, err := b.startProcess(ctx, "gateway", -1, nil, nil, []string{"DATABASE_URL=" + dsn}, b.tokenreeve, "run", "--config", config, "--adapter", "caddyfile")
	if err != nil {
		return pageReader{}, nil, err
	}
	reader := pageReader{"http://" + addr, cookie}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, _, err = reader.get(ctx, view{path: "/tokens"}); err == nil {
			return reader, p.stop, nil
		}
		select {
		case <-p.done:
			return reader, nil, p.failure("ended before it answered")
		default:
		}
		if time.Now().After(end) {
			defer p.stop()
			return reader, nil, p.failure(err.Error())
		}
	}
}

// get returns the time until the last byte of a page is here.
func (p pageReader) get(ctx context.Context, v view) (time.Duration, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.address+v.path, nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Cookie", p.cookie)
	if v.part {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Target", "tokens")
	}
	begin := time.Now()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	took := time.Since(begin)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s is answered %s", v.path, resp.Status)
	}
	return took, string(text), err
}

// views are what is measured. The deep page is found as people get there.
func (p pageReader) views(ctx context.Context, tokenID string) ([]view, error) {
	deep, err := p.deepPage(ctx, 100)
	if err != nil {
		return nil, err
	}
	return []view{
		{what: "first page", path: "/tokens"},
		{what: "a page in the middle", path: deep},
		{what: "sorted by last use", path: "/tokens?sort=last_used&order=desc"},
		{what: "unused for 90 days", path: "/tokens?unused=90"},
		{what: "a search that 1,000 tokens match", path: "/tokens?search=harbour", part: true},
		{what: "a search that one matches", path: "/tokens?search=token+77+of", part: true},
		{what: "a search that none matches", path: "/tokens?search=nowhere", part: true},
		{what: "the page of a token", path: "/tokens/" + tokenID},
	}, nil
}

var nextPage = regexp.MustCompile(`id="page-next" href="([^"]+)"`)

// deepPage follows "next" so many times, or to the last page.
func (p pageReader) deepPage(ctx context.Context, pages int) (string, error) {
	path := "/tokens"
	for range pages {
		_, text, err := p.get(ctx, view{path: path})
		if err != nil {
			return "", err
		}
		next := nextPage.FindStringSubmatch(text)
		if next == nil {
			break
		}
		path = strings.ReplaceAll(next[1], "&amp;", "&")
	}
	return path, nil
}
