package e2e

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// backend is a server with a resource that is public and one that is secret.
type backend struct {
	name    string
	address string
}

// tokenKinds are those that must not get at the secret resource.
var tokenKinds = []string{"name", "tail", "reader"}

// site is the folder that all backends serve: public/hello and secret/report.
type site struct {
	dir    string
	public string // what only the public resource says
	secret string // what only the secret one does; no client sends it
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{dir: openDir(t), public: "public-" + rand.Text(), secret: "secret-" + rand.Text()}
	for name, text := range map[string]string{
		"public/hello": s.public, "public/index.html": s.public,
		"secret/report": s.secret, "secret/index.html": s.secret, "secret/report.php": "<?php readfile(__DIR__ . '/report');",
	} {
		file := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// openDir returns a folder that others may read, such as the user that Apache
// runs as when root has started it.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// backendFamilies are the servers there are. find makes sure that one is there,
// and returns the path of what start starts.
var backendFamilies = []struct {
	name  string
	find  func(*testing.T) string
	start func(t *testing.T, path string, s site, behind string) []backend
}{
	{"Node.js", installed, startNode},
	{"Python", finds("python3"), startPython},
	{"PHP", finds("php"), startPHP},
	{"Tomcat", findTomcat, startTomcat},
	{"nginx", finds("nginx"), startNginx},
	{"Apache", finds("apache2"), startApache},
}

// startBackends starts all backends. Some of them are proxies for another.
func startBackends(t *testing.T, s site) []backend {
	t.Helper()
	backends := startGoApps(t, s.dir)
	behind := backends[slices.IndexFunc(backends, func(b backend) bool { return b.name == "Go lenient" })].address
	for _, family := range backendFamilies {
		path := ""
		t.Run(family.name, func(t *testing.T) { path = family.find(t) })
		if path != "" {
			backends = append(backends, family.start(t, path, s, behind)...)
		}
	}
	return backends
}

// finds looks for a program, those for administrators included.
func finds(name string) func(*testing.T) string {
	return func(t *testing.T) string {
		for _, name := range []string{name, filepath.Join("/usr/sbin", name)} {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		missing(t, name+" is missing; scripts/deps installs it")
		return ""
	}
}

func findTomcat(t *testing.T) string {
	finds("javac")(t) // Apps.java is compiled when it starts
	jars, err := filepath.Glob("/usr/share/java/tomcat1*-embed-core.jar")
	if err != nil || len(jars) == 0 {
		missing(t, "Tomcat is missing; scripts/deps installs it")
	}
	return jars[0]
}

// startApps starts a program with one address for each of its apps.
func startApps(t *testing.T, names []string, name string, args ...string) []backend {
	t.Helper()
	backends := named(t, names...)
	for _, b := range backends {
		args = append(args, b.address)
	}
	answering(start(t, t.TempDir(), os.Environ(), name, args...), backends)
	return backends
}

// named gives each backend an address to listen on.
func named(t *testing.T, names ...string) (backends []backend) {
	t.Helper()
	for _, name := range names {
		backends = append(backends, backend{name, freeAddress(t)})
	}
	return backends
}

func answering(p *process, backends []backend) {
	for _, b := range backends {
		p.answersOn(b.address)
	}
}

// inDifferential is the path of a file of the backends.
func inDifferential(name string) string { return filepath.Join(root, "e2e", "differential", name) }

func startNode(t *testing.T, node string, s site, _ string) []backend {
	t.Helper()
	return startApps(t, []string{"Express 4 routes", "Express 5 routes", "Express 4 files", "Express 5 Windows", "Node URL"}, node, inDifferential("apps.js"), s.dir)
}

func startPython(t *testing.T, python string, s site, _ string) []backend {
	t.Helper()
	return startApps(t, []string{"Python http.server", "Python WSGI", "Python NFKC"}, python, inDifferential("apps.py"), s.dir)
}

func startPHP(t *testing.T, php string, s site, _ string) []backend {
	t.Helper()
	backends := named(t, "PHP files", "PHP router")
	env := append(os.Environ(), "SITE="+s.dir)
	answering(start(t, s.dir, env, php, "-d", "display_errors=0", "-S", backends[0].address, "-t", s.dir), backends[:1])
	answering(start(t, s.dir, env, php, "-d", "display_errors=0", "-S", backends[1].address, inDifferential("router.php")), backends[1:])
	return backends
}

func startTomcat(t *testing.T, jar string, s site, _ string) []backend {
	t.Helper()
	return startApps(t, []string{"Tomcat servlets", "Tomcat lenient", "Tomcat getRequestURI"},
		"java", "-XX:TieredStopAtLevel=1", "-cp", jar, inDifferential("Apps.java"), s.dir, t.TempDir())
}

func startNginx(t *testing.T, nginx string, s site, behind string) []backend {
	t.Helper()
	dir := t.TempDir()
	backends := named(t, "nginx files", "nginx alias without slash", "nginx proxy with a path", "nginx proxy")
	config := configure(t, dir, "nginx.conf", "@SITE@", s.dir, "@DIR@", dir, "@BACKEND@", behind, "@FILES@", backends[0].address,
		"@SLASH@", backends[1].address, "@PROXY@", backends[2].address, "@RAW@", backends[3].address)
	answering(start(t, dir, os.Environ(), nginx, "-p", dir, "-e", "stderr", "-c", config), backends)
	return backends
}

func startApache(t *testing.T, apache string, s site, behind string) []backend {
	t.Helper()
	dir := openDir(t)
	const modules = "/usr/lib/apache2/modules"
	backends := named(t, "Apache files", "Apache rewrite", "Apache proxy")
	config := configure(t, dir, "httpd.conf", "@SITE@", s.dir, "@DIR@", dir, "@MODULES@", modules, "@BACKEND@", behind,
		"@FILES@", backends[0].address, "@REWRITE@", backends[1].address, "@PROXY@", backends[2].address)
	answering(start(t, dir, os.Environ(), apache, "-X", "-f", config), backends)
	return backends
}

// configure writes a configuration with names filled in and returns its path.
func configure(t *testing.T, dir, name string, values ...string) string {
	t.Helper()
	text, err := os.ReadFile(inDifferential(name))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, name)
	if err := os.WriteFile(config, []byte(strings.NewReplacer(values...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	return config
}
