package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/porttest"
)

// ErrNoBouncer means that this machine has no PgBouncer.
var ErrNoBouncer = errors.New("PgBouncer is missing; install Debian's package pgbouncer (scripts/deps does)")

// BouncerDSN returns a connection string for a database through a PgBouncer in
// front of the server, which gives each transaction any connection. It is
// started when it is first asked for, and serves everyone as the superuser.
func (s *Server) BouncerDSN(database string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bouncer == 0 {
		if err := s.startBouncer(); err != nil {
			return "", err
		}
	}
	return dsn(s.bouncer, database, Superuser), nil
}

func (s *Server) startBouncer() error {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return ErrNoBouncer
		}
	}
	port, err := porttest.Free(porttest.Postgres)
	if err != nil {
		return err
	}
	conf := filepath.Join(s.dir, "bouncer.ini")
	if err := s.write(conf, s.bouncerSettings(port)); err != nil {
		return err
	}
	command := s.command(program, "--quiet", "--daemon", conf)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("starting PgBouncer: %w: %s", err, out)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for end := now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second) //nolint:noctx // bounded by its timeout
		if err == nil {
			s.bouncer = port
			return conn.Close()
		}
		if now().After(end) {
			return fmt.Errorf("PgBouncer did not start within %v: %w", patience, err)
		}
	}
}

func (s *Server) bouncerSettings(port int) string {
	return fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 15
max_client_conn = 1000
max_db_connections = 0
logfile = %[5]s/bouncer.log
pidfile = %[5]s/bouncer.pid
`, s.port, Superuser, Password, port, s.dir)
}
