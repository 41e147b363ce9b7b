package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says how to open a store.
type Config struct {
	// DSN is a connection string as libpq reads it: a URL or key=value pairs.
	// The tables are in the first schema of its search_path.
	DSN string
	// Poll, if not zero, is how often the number of changes is read, instead of
	// listening for notifications: for poolers and engines without LISTEN.
	Poll time.Duration
}

// How long things may take, where neither the caller nor the DSN says less.
const (
	openTimeout    = 30 * time.Second // migrations included
	connectTimeout = 3 * time.Second
	readTimeout    = 10 * time.Second
	changeTimeout  = 10 * time.Second
	useTimeout     = 10 * time.Second
	commitTimeout  = 5 * time.Second
	importPatience = time.Minute
)

// sessionLimits are for the server to keep, should this process hang.
var sessionLimits = map[string]time.Duration{
	"statement_timeout":                   time.Minute,
	"lock_timeout":                        10 * time.Second,
	"idle_in_transaction_session_timeout": 10 * time.Second,
}

// errDSN doesn't quote: what can't be read may have a password anywhere.
var errDSN = errors.New("the connection string of Postgres can't be read; write postgres://user:password@host:port/database?sslmode=… with %-escapes for special characters, or key=value pairs")

// settings are what a Config means.
type settings struct {
	pool        *pgxpool.Config
	poll        time.Duration
	heartbeat   time.Duration
	primaryOnly bool // the DSN doesn't ask for other servers
	servers     *servers
	// importPatience is how long a part of an import may go without progress.
	importPatience time.Duration
}

// parse reads the DSN and puts defaults where it says nothing.
func (c Config) parse() (*settings, error) {
	if strings.TrimSpace(c.DSN) == "" {
		return nil, errors.New("Postgres needs a connection string, such as postgres://user:password@host:port/database") //nolint:staticcheck // a name begins the text
	}
	if c.Poll < 0 {
		return nil, errors.New("the interval of polling can't be negative")
	}
	pool, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, errDSN
	}
	says := func(name, variable string) bool { return strings.Contains(c.DSN, name) || os.Getenv(variable) != "" }
	s := &settings{
		pool: pool, poll: c.Poll, primaryOnly: !says("target_session_attrs", "PGTARGETSESSIONATTRS"),
		servers: &servers{}, heartbeat: heartbeat, importPatience: importPatience,
	}
	s.setValidation()
	s.setLifetimes(says)
	conn := pool.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	conn.DialFunc = dialer(conn.ConnectTimeout)
	defaults(conn.RuntimeParams, "application_name", "tokenreeve")
	if c.Poll == 0 {
		for name, limit := range sessionLimits {
			defaults(conn.RuntimeParams, name, strconv.FormatInt(limit.Milliseconds(), 10))
		}
	} else if !strings.Contains(c.DSN, "default_query_exec_mode") {
		// Poolers refuse parameters that they don't know, and have another
		// connection for each transaction, without what was prepared on the last.
		conn.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return s, nil
}

// setValidation refuses servers that connections may not be to. Who a server is
// comes first: what the DSN asks for may be taken as a wish only.
func (s *settings) setValidation() {
	conn := s.pool.ConnConfig
	if s.primaryOnly {
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	}
	wanted := conn.ValidateConnect
	conn.ValidateConnect = func(ctx context.Context, server *pgconn.PgConn) error {
		if err := s.servers.check(ctx, server); err != nil || wanted == nil {
			return err
		}
		return wanted(ctx, server)
	}
}

// setLifetimes lets connections end soon enough that a failover is noticed
// which left them open.
func (s *settings) setLifetimes(says func(name, variable string) bool) {
	if !says("pool_max_conn_lifetime", "") {
		s.pool.MaxConnLifetime, s.pool.MaxConnLifetimeJitter = 10*time.Minute, 2*time.Minute
	}
	if !says("pool_max_conn_idle_time", "") {
		s.pool.MaxConnIdleTime = 5 * time.Minute
	}
	if !says("pool_health_check_period", "") {
		s.pool.HealthCheckPeriod = 15 * time.Second
	}
	if s.pool.PingTimeout == 0 {
		s.pool.PingTimeout = 500 * time.Millisecond
	}
	s.pool.BeforeClose = func(conn *pgx.Conn) {
		// A call gave this connection up. What is left to be said to the server is
		// said on another one; waiting for its answer would keep the place taken.
		if conn.IsClosed() {
			_ = conn.PgConn().Conn().Close() // it may be closed already
		}
	}
}

func defaults(params map[string]string, name, value string) {
	if _, given := params[name]; !given {
		params[name] = value
	}
}

// cancelTimeout bounds what is said to the server about a call that was given up.
const cancelTimeout = time.Second

// dialer notices a peer that is gone within seconds, also while it is silent.
func dialer(timeout time.Duration) pgconn.DialFunc {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
		ControlContext:  limitUnacknowledged,
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		given, bounded := ctx.Deadline()
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if own, _ := limited.Deadline(); !bounded || !given.After(own) {
			return d.DialContext(limited, network, address)
		}
		// Only the request to cancel a call may take longer than connecting (15 s in
		// pgx 5.12.0), and the call's place in the pool is taken as long.
		limited, cancel = context.WithTimeout(ctx, cancelTimeout)
		defer cancel()
		conn, err := d.DialContext(limited, network, address)
		if err == nil {
			end, _ := limited.Deadline()
			err = conn.SetDeadline(end)
		}
		return conn, err
	}
}
