package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostileSite is a gate as the hostile requests assume it. There is one for each
// worker, with a backend of its own, so that what arrives there is known to
// come from one row.
const hostileSite = `http://%s {
	bind 127.0.0.1
	api_tokens articles {
		from header X-Cybozu-API-Token list
		from authorization Bearer
		from authorization apiToken
		from query api_token
		identity X-Token-
		preflight check
		graphql /graphql
	}
	reverse_proxy %s
}
`

// noAnswer is how long an answer may take that the row says need not come. All
// other rows have patience.
const noAnswer = 700 * time.Millisecond

// result is what happened to a row.
type result struct {
	outcome   string
	answers   []answer
	byServer  bool // by Go's server, before any handler of Caddy
	forwarded []recorded
	faults    []string
}

// Invariants 1 (nothing is forwarded without an allow), 2 (what was matched is
// what is forwarded), 3 (no secret goes on) and 6 (neither the credential nor
// a forged identity reaches the backend), against requests made to break them.
func TestHostileRequests(t *testing.T) {
	const workers = 8
	g := newGateway(t, map[string]string{
		"TOKENS":  "cache_ttl 1h",
		"SERVERS": "servers {\n\t\tmax_header_size 1MB\n\t}", // by default Caddy refuses long requests itself
	})
	var sites strings.Builder
	var addrs []string
	var backends []*backend
	for range workers {
		addrs = append(addrs, freeAddress(t))
		backends = append(backends, startBackend(t, ""))
	}
	for i, addr := range addrs {
		fmt.Fprintf(&sites, hostileSite, anyHost(addr), backends[i].addr())
	}
	g.mustLoad(sites.String())

	rows := slices.Concat(readRows(t, "testdata/hostile-requests.jsonl"), readRows(t, "testdata/more-hostile-requests.jsonl"))
	var ready []*row
	for i := range rows {
		if err := rows[i].prepare(g.tokens); err != nil {
			t.Fatal(err)
		}
		ready = append(ready, &rows[i])
	}
	results := runRows(ready, addrs, backends, g.tokens)
	report(t, ready, results)
	checkRest(t, backends, results, g.tokens)
}

// checkRest looks at what reached the backends beside whole requests in time. A
// body that breaks off shows only when the head is on its way already: then
// the backend must never see the end of it, and only of allowed requests.
func checkRest(t *testing.T, backends []*backend, results []result, tokens map[string]testToken) {
	t.Helper()
	most := 0
	for i := range results {
		if o := results[i].outcome; o == "timeout" || o == "reject502" || o == "reject400" && results[i].answers[0].header.Get("Via") != "" {
			most++
		}
	}
	for i, b := range backends {
		if late := b.take(); len(late) > 0 {
			t.Errorf("backend %d got a request after all rows were answered: %q", i, late[0].raw)
		}
		for _, partial := range b.takePartial() {
			most--
			if most < 0 || !strings.Contains(partial, "\r\nX-Token-Id: tok_") || findSecret(partial, tokens) != "" {
				t.Errorf("backend %d got a part of a request: %q", i, partial)
			}
		}
	}
}

func runRows(rows []*row, addrs []string, backends []*backend, tokens map[string]testToken) []result {
	results := make([]result, len(rows))
	next := make(chan int)
	var wg sync.WaitGroup
	for w := range addrs {
		wg.Go(func() {
			for i := range next {
				results[i] = runRow(rows[i], addrs[w], backends[w], tokens)
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

func runRow(r *row, addr string, b *backend, tokens map[string]testToken) result {
	wait := patience
	if slices.Contains(r.AlsoOK, "timeout") || r.Expect == "timeout" {
		wait = noAnswer
	}
	answers, err := converse(addr, r.bytes, wait)
	res := result{answers: answers, forwarded: b.take()}
	switch {
	case err != nil && len(answers) == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		res.outcome = "timeout"
	case len(answers) == 0:
		res.faults = append(res.faults, fmt.Sprintf("no answer: %v", err))
	default:
		res.outcome, res.byServer = classify(answers[0])
	}
	judge(r, &res, tokens)
	return res
}

// probe follows every row on its connection: it is refused, and its answer ends
// the connection, so that all answers before it are known to have come.
const probe = "GET /probe HTTP/1.1\r\nHost: probe.test\r\nConnection: close\r\n\r\n"

// converse sends bytes over a connection of their own and returns all answers.
func converse(addr, request string, wait time.Duration) ([]answer, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	// A server may answer and close before it has read all.
	go io.WriteString(c, request)
	in := bufio.NewReader(c)
	method, _, _ := strings.Cut(request, " ")
	first, err := readAnswer(in, method)
	if err != nil {
		return nil, err
	}
	answers := []answer{first}
	io.WriteString(c, probe)
	for {
		a, err := readAnswer(in, http.MethodGet)
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
	}
}

func readAnswer(in *bufio.Reader, method string) (answer, error) {
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return answer{}, err
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		return answer{resp.StatusCode, resp.Header, string(body)}, err
	}
}

// classify names the outcome as rows do, and says whether Go's server answered
// by itself: then Caddy's name is not in the answer.
func classify(a answer) (outcome string, byServer bool) {
	byServer = a.header.Get("Server") == ""
	switch {
	case a.header.Get("X-Backend") != "":
		return forward, false
	case a.status >= 400:
		return fmt.Sprintf("reject%d", a.status), byServer
	case byServer:
		return "answered-by-server", true
	}
	return fmt.Sprintf("answer%d", a.status), false
}

// report fails the test for each fault and lists what deserves a look.
func report(t *testing.T, rows []*row, results []result) {
	t.Helper()
	var also, server []string
	for i, r := range rows {
		res := &results[i]
		for _, fault := range res.faults {
			t.Errorf("%s (%s): %s\n\twhy: %s\n\tsent: %.300q", r.ID, r.Class, fault, r.Why, r.bytes)
		}
		if res.outcome != r.Expect && len(res.faults) == 0 {
			also = append(also, fmt.Sprintf("%-20s %-18s instead of %s", r.ID, res.outcome, r.Expect))
		}
		if res.byServer {
			server = append(server, r.ID)
		}
	}
	t.Logf("%d rows; %d with an answer of also_ok:\n\t%s", len(rows), len(also), strings.Join(also, "\n\t"))
	t.Logf("%d answered by Go's server itself: %s", len(server), strings.Join(server, " "))
}
