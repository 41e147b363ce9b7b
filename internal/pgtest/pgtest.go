// Package pgtest runs private Postgres servers out of the system's packages: in
// a folder of their own, on a free port, as an unprivileged user even where the
// tests run as root. Nothing is left of them when the process that started them
// has ended, however it ended.
package pgtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/porttest"
)

const (
	// Superuser is the role that owns the server.
	Superuser = "postgres"
	// Password is that of every role, over TCP.
	Password = "pgtest-password"

	// patience bounds the start and the end of a server.
	patience = 30 * time.Second
)

// ErrMissing means that this machine has no Postgres.
var ErrMissing = errors.New("Postgres is missing; install Debian's package postgresql (scripts/deps does)") //nolint:staticcheck // a name begins the text

// Server is a Postgres server that can be stopped, killed, halted and started
// again, always with the same data and address.
type Server struct {
	dir  string // has everything and belongs to the server's user
	bin  string // where the programs are
	port int

	mu      sync.Mutex
	process *os.Process // the postmaster; nil when it is not running
	guard   *guard
	bouncer int // port of the PgBouncer; 0 when there is none
	counter int // of databases
}

// New makes and starts a server in dir, which the server's user must be able to
// reach; "" means a new folder. Close ends it and removes what it made.
func New(dir string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	if dir, err = serverFolder(dir); err != nil {
		return nil, fmt.Errorf("making a folder for Postgres: %w", err)
	}
	s := &Server{dir: dir, bin: bin}
	if s.guard, err = startGuard(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// programs returns the folder of the newest Postgres.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", ErrMissing
	}
	return filepath.Dir(path), nil
}

// serverFolder makes a folder inside dir that belongs to the server's user.
func serverFolder(dir string) (string, error) {
	folder, err := os.MkdirTemp(dir, "pgtest")
	if err != nil {
		return "", err
	}
	if uid, gid, other := serverUser(); other {
		err = os.Chown(folder, int(uid), int(gid))
	}
	return folder, err
}

// settings keep a server small and quick. synchronous_commit stays on; only a
// crash of the machine itself could lose what was committed.
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_permissions = 0777
shared_buffers = 32MB
max_connections = 200
fsync = off
full_page_writes = off
synchronous_commit = on
autovacuum_naptime = 5s
log_line_prefix = '%m [%p] %d '
timezone = UTC
lc_messages = C
`

// prepare makes the data folder.
func (s *Server) prepare() error {
	port, err := porttest.Free(porttest.Postgres)
	if err != nil {
		return err
	}
	s.port = port
	secret := filepath.Join(s.dir, "password")
	if err := s.write(secret, Password); err != nil {
		return err
	}
	command := s.command(filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", Superuser, "--pwfile", secret,
		"--auth-host", "scram-sha-256", "--auth-local", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	conf := fmt.Sprintf("%sport = %d\nunix_socket_directories = '%s'\n", settings, s.port, s.dir)
	return s.write(filepath.Join(s.data(), "postgresql.auto.conf"), conf)
}

// write writes a file that the server's user can read.
func (s *Server) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if uid, gid, other := serverUser(); other {
		return os.Chown(path, int(uid), int(gid))
	}
	return nil
}

// command runs a program as the server's user, in the server's folder.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	command := exec.Command(name, args...) //nolint:noctx // it ends when the server does
	command.Dir = s.dir
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	command.SysProcAttr = asServerUser()
	return command
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Start starts the server again after Stop or Kill.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return errors.New("Postgres is running already") //nolint:staticcheck // a name begins the text
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := s.command(filepath.Join(s.bin, "postgres"), "-D", s.data())
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	s.process = command.Process
	return s.awaitStart()
}

// awaitStart waits until the server takes queries.
func (s *Server) awaitStart() error {
	for end := now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := s.Exec("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		if s.ended() {
			s.process = nil
			return fmt.Errorf("Postgres ended at its start:\n%s", s.Log()) //nolint:staticcheck // a name begins the text
		}
		if now().After(end) {
			return fmt.Errorf("Postgres did not start within %v: %w\n%s", patience, err, s.Log()) //nolint:staticcheck // a name begins the text
		}
	}
}

// Stop stops the server: SIGTERM waits for its clients, SIGINT ends them, SIGQUIT
// takes no time to tidy up.
func (s *Server) Stop(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	if err := s.process.Signal(signal); err != nil {
		return err
	}
	for end := now().Add(patience); !s.ended(); time.Sleep(5 * time.Millisecond) {
		if now().After(end) {
			return fmt.Errorf("Postgres did not stop within %v:\n%s", patience, s.Log()) //nolint:staticcheck // a name begins the text
		}
	}
	s.process = nil
	return nil
}

// Restart stops the server, ending its clients, and starts it.
func (s *Server) Restart() error {
	if err := s.Stop(syscall.SIGINT); err != nil {
		return err
	}
	return s.Start()
}

// Kill ends the server and all its processes with SIGKILL, as the end of its
// machine would.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	// Halted first, so that it makes no new processes while they are counted.
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := s.signalChildren(syscall.SIGKILL)
	err = errors.Join(err, s.process.Kill())
	// The shared memory stays while one of its processes does, and the next server
	// would not start on it.
	for end := now().Add(patience); !s.ended() || worksIn(s.data()); time.Sleep(5 * time.Millisecond) {
		if now().After(end) {
			return fmt.Errorf("Postgres was not gone within %v of SIGKILL", patience) //nolint:staticcheck // a name begins the text
		}
	}
	s.process = nil
	return err
}

// Signal sends a signal to the server and all its processes: with SIGSTOP it
// hangs, with SIGCONT it goes on.
func (s *Server) Signal(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("Postgres is not running") //nolint:staticcheck // a name begins the text
	}
	if err := s.process.Signal(signal); err != nil {
		return err
	}
	return s.signalChildren(signal)
}

func (s *Server) signalChildren(signal syscall.Signal) error {
	children, err := childrenOf(s.process.Pid)
	for _, pid := range children {
		if e := syscall.Kill(pid, signal); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// ended reports whether the postmaster has ended, and reaps it then.
func (s *Server) ended() bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(s.process.Pid, &status, syscall.WNOHANG, nil)
	return pid == s.process.Pid || errors.Is(err, syscall.ECHILD)
}

// Close kills the server and removes its folder.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), s.guard.stop())
}

// Addr is the server's address for TCP.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// SocketDir is the folder of the server's Unix socket.
func (s *Server) SocketDir() string { return s.dir }

// DSN returns a connection string for a database and a role, over TCP.
func (s *Server) DSN(database, role string) string { return dsn(s.port, database, role) }

func dsn(port int, database, role string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(role, Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}).String()
}

// Log returns the end of what the server wrote.
func (s *Server) Log() string {
	file, err := os.Open(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	const most = 4000
	if info, err := file.Stat(); err == nil && info.Size() > most {
		_, _ = file.Seek(-most, io.SeekEnd)
	}
	text, _ := io.ReadAll(file)
	return string(text)
}

func now() time.Time { return time.Now() }
