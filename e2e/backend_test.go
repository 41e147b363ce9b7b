package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// startJSONServer starts json-server, from npm, and returns its address. It
// serves /api/articles with items 1 to 20, /api/search and /api/reports/rebuild.
func startJSONServer(t *testing.T) string {
	t.Helper()
	node := installed(t)
	dir, address := t.TempDir(), freeAddress(t)
	type item map[string]any
	var articles []item
	for i := range 20 {
		articles = append(articles, item{"id": i + 1, "title": "An article"})
	}
	for name, content := range map[string]any{
		"db.json":     item{"articles": articles, "search": []item{}, "reports": []item{{"id": "rebuild"}}},
		"routes.json": item{"/api/*": "/$1"},
	} {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "patient.js"), []byte(patient), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, os.Environ(), node, filepath.Join(root, "e2e", "node_modules", "json-server", "lib", "cli", "bin.js"),
		"--host", host, "--port", port, "--routes", "routes.json", "db.json", "--middlewares", "patient.js")
	p.answersOn(address)
	return address
}

// patient keeps Node.js from closing idle connections after five seconds, which a
// request of a gateway on a busy machine could run into.
const patient = `module.exports = (req, res, next) => { req.socket.server.keepAliveTimeout = 0; next() }`

// installed makes sure that what e2e/package.json names is installed, and
// returns the path of Node.js.
func installed(t *testing.T) string {
	t.Helper()
	return installedIn(t, filepath.Join(root, "e2e"))
}

// installedIn is installed for the package.json of a folder.
func installedIn(t *testing.T, dir string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "Node.js is missing")
	}
	once, _ := modules.LoadOrStore(dir, new(sync.Once))
	once.(*sync.Once).Do(func() {
		if lacks(t, dir) == "" {
			return
		}
		npm, err := exec.LookPath("npm")
		if err != nil {
			missing(t, lacks(t, dir)+" is not installed, and npm, which would install it, is missing")
		}
		cmd := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			missing(t, "npm could not install: "+err.Error()+"\n"+string(out))
		}
	})
	if name := lacks(t, dir); name != "" {
		missing(t, name+" is not installed")
	}
	return node
}

var modules sync.Map // of *sync.Once by folder

// lacks returns a package that the package.json of a folder names and that is
// not installed, or "".
func lacks(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var wanted struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &wanted); err != nil {
		t.Fatal(err)
	}
	for name := range wanted.Dependencies {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", filepath.FromSlash(name), "package.json")); err != nil {
			return name
		}
	}
	return ""
}

// missing skips a test that lacks something, or fails it in the full run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("TOKENREEVE_FULL") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// wire stands between a gateway and its backend and keeps every byte that the
// backend gets.
type wire struct {
	listener net.Listener
	backend  string
	mu       sync.Mutex
	got      bytes.Buffer
	open     map[net.Conn]bool // nil when it is closed
	serving  sync.WaitGroup
}

// tap starts a wire to a backend.
func tap(t *testing.T, backend string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, backend: backend, open: map[net.Conn]bool{}}
	w.serving.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

// close ends it, as a backend that goes down does.
func (w *wire) close() {
	w.listener.Close()
	w.mu.Lock()
	for conn := range w.open {
		conn.Close()
	}
	w.open = nil
	w.mu.Unlock()
	w.serving.Wait()
}

func (w *wire) accept() {
	for {
		from, err := w.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", w.backend)
		if err != nil {
			from.Close()
			continue
		}
		if !w.keep(from, to) {
			return
		}
		w.serving.Go(func() {
			_, _ = io.Copy(io.MultiWriter(w, to), from) // ends when either side does
			from.Close()
			to.Close()
		})
		w.serving.Go(func() {
			_, _ = io.Copy(from, to)
			from.Close()
			to.Close()
		})
	}
}

// keep notes connections so that close can end them.
func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		if w.open == nil {
			conn.Close()
			continue
		}
		w.open[conn] = true
	}
	return w.open != nil
}

// Write records what goes to the backend, before it gets there.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.Write(p)
}

// size returns how many bytes the backend got so far.
func (w *wire) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.Len()
}

// bytes returns all that the backend got so far.
func (w *wire) bytes() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.String()
}
