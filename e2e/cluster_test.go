package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
)

// cluster is several gateways, each a process, in front of one Postgres, and
// between each and the database a proxy. One more proxy is for the changes that
// the test makes.
type cluster struct {
	t        *testing.T
	postgres *pgtest.Server
	dsn      string // past the proxies
	gateways []*gateway
	proxies  []*proxy // by gateway, and the last for changes
}

const gateways = 3

// newCluster starts a cluster whose gateways have the given settings, lines of the
// global option api_tokens.
func newCluster(t *testing.T, server *pgtest.Server, settings ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, postgres: server, dsn: server.DSN(server.Database(t), pgtest.Superuser)}
	changes := append(quiet(strings.Join(settings, "\n\t\t")), "store sqlite {$STORE:tokens.db}", "store postgres {env.DATABASE_URL}")
	backend := startBackend(t)
	for range gateways + 1 {
		c.proxies = append(c.proxies, startProxy(t, server.Addr()))
	}
	for i := range gateways {
		g := newGateway(t, readyBinary(t), backend, changes...)
		g.env = append(g.env, "DATABASE_URL="+c.through(i), "LOG_LEVEL=WARN")
		g.process = start(t, g.dir, g.env, g.binary, "run", "--config", g.config) // all at once, they may
		c.gateways = append(c.gateways, g)
	}
	for _, g := range c.gateways {
		g.process.answersOn(g.addr)
	}
	return c
}

// through returns the connection string for the way through a proxy.
func (c *cluster) through(i int) string {
	dsn, err := url.Parse(c.dsn)
	if err != nil {
		c.t.Fatal(err)
	}
	dsn.Host = c.proxies[i].addr()
	return dsn.String()
}

// open opens a store of the test's own.
func (c *cluster) open(dsn string) store.Store {
	c.t.Helper()
	opened, err := postgres.Open(c.t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { opened.Close() })
	return opened
}

// caller sends requests to one gateway over one connection, which it makes anew
// when it has to. Unlike a client of net/http it never sends one twice, so it
// knows when each began and how many there were.
type caller struct {
	gateway int
	addr    string
	conn    net.Conn
	in      *bufio.Reader
}

func (c *cluster) caller(i int) *caller { return &caller{gateway: i, addr: c.gateways[i].addr} }

// callTimeout is longer than a gateway may take, whatever hangs.
const callTimeout = 10 * time.Second

// call sends a request. An error means that there was no whole answer.
func (c *caller) call(method string, of given) (*call, error) {
	r := &call{gateway: c.gateway, id: of.id, secret: of.secret, method: method, start: time.Now()}
	if err := c.exchange(r); err != nil {
		c.close()
		return r, err
	}
	return r, nil
}

func (c *caller) exchange(r *call) (err error) {
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.addr, callTimeout); err != nil {
			return err
		}
		c.in = bufio.NewReader(c.conn)
		r.start = time.Now()
	}
	if err := c.conn.SetDeadline(r.start.Add(callTimeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.conn, "%s /api/articles HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n\r\n",
		r.method, c.addr, r.secret); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	r.end, r.status, r.retryAfter = time.Now(), resp.StatusCode, resp.Header.Get("Retry-After")
	if r.status == 200 && string(body) != "backend" {
		return fmt.Errorf("200 that is not from the backend: %q", body)
	}
	if resp.Close {
		c.close()
	}
	return nil
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// footprint is what a gateway takes of the machine.
type footprint struct{ goroutines, files, megabytes int }

var (
	totalGoroutines = regexp.MustCompile(`goroutine profile: total (\d+)`)
	residentMemory  = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
)

func (g *gateway) footprint() (f footprint) {
	g.t.Helper()
	profile := send(g.t, http.MethodGet, "http://"+g.admin+"/debug/pprof/goroutine?debug=1").body
	proc := filepath.Join("/proc", strconv.Itoa(g.process.cmd.Process.Pid))
	files, errFiles := os.ReadDir(filepath.Join(proc, "fd"))
	status, errStatus := os.ReadFile(filepath.Join(proc, "status"))
	goroutines, memory := totalGoroutines.FindStringSubmatch(profile), residentMemory.FindStringSubmatch(string(status))
	if errFiles != nil || errStatus != nil || goroutines == nil || memory == nil {
		g.t.Fatalf("what the gateway takes can't be read: %v, %v, %.200s, %.200s", errFiles, errStatus, profile, status)
	}
	f.goroutines, _ = strconv.Atoi(goroutines[1])
	f.files = len(files)
	f.megabytes, _ = strconv.Atoi(memory[1])
	f.megabytes /= 1024
	return f
}

// must makes a change that nothing stands in the way of.
func must(ctx context.Context, t *testing.T, s step, to store.Store) {
	t.Helper()
	if err := s.run(ctx, to); err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
}
