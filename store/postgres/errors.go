package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenreeve/tokenreeve/store"
)

// SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	uniqueViolation      = "23505"
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	insufficientRights   = "42501"
	preparedBefore       = "42P05"
	notPrepared          = "26000"
	protocolViolation    = "08P01"
	undefinedTable       = "42P01"
	diskFull             = "53100"
	tooManyConnections   = "53300"
	programLimitExceeded = "54000"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
)

var errClosed = fmt.Errorf("%w: it is closed", store.ErrUnavailable)

// code returns the SQLSTATE of an error, or "" when it comes from elsewhere.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// failure says what to do about a technical error, and marks it as
// store.ErrUnavailable where that is what it is.
func failure(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return contextFailure(ctx, err)
	}
	advice, away := advice(code(err))
	switch {
	case refusesParameters(err):
		return fmt.Errorf("%s: %w", poolerAdvice, err)
	case away:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, advice, err)
	case advice != "":
		return fmt.Errorf("%s: %w", advice, err)
	case code(err) == "" && isConnection(err):
		return fmt.Errorf("%w: the database can't be reached: %w", store.ErrUnavailable, err)
	}
	return err
}

// contextFailure marks an error as the end of the context, when it is that. A
// deadline that passed means a store that did not answer in time; a caller
// that went away says nothing about the store.
func contextFailure(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// isConnection reports whether an error is one of the connection rather than
// an answer over it, or a fault of this program.
func isConnection(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}

// isBroken reports whether an error ended a connection that another one may
// replace at once: the server was restarted, or it was cut.
func isBroken(err error) bool {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return false
	}
	switch code(err) {
	case "":
		return isConnection(err) && !pgconn.Timeout(err)
	case "57P01", "57P02", "57P05", idleInTransaction:
		return true
	}
	return strings.HasPrefix(code(err), "08")
}

// poolerAdvice is for connections that are not to the server itself.
const poolerAdvice = "a pooler stands in between; write `invalidation poll 1s`"

// refusesParameters reports whether a pooler refused how we log in. Its SQLSTATE
// alone doesn't say so: PgBouncer has it also for a server that is away.
func refusesParameters(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == protocolViolation && strings.Contains(pgErr.Message, "startup parameter")
}

// advice says what an SQLSTATE means and what to do, and whether the store is
// away, as opposed to broken or closed to us.
//
// A log-in that is refused is an answer, not an absence, also while the store is
// open: whoever takes a gateway's role away wants it to stop, and not to let
// known tokens go on (rule 15).
func advice(code string) (advice string, away bool) {
	switch code {
	case "":
		return "", false
	case diskFull:
		return "the disk of the database is full; make room", true
	case tooManyConnections:
		return "the database has no connection left; raise max_connections, or open fewer (pool_max_conns)", true
	case idleInTransaction:
		return "the database ended a transaction that had been idle for too long", true
	case queryCanceled, lockNotAvailable:
		return "the database did not answer in time", true
	case "3D000":
		return "the database doesn't exist; create it, or correct the connection string", false
	case readOnlyTransaction:
		return "the database is read-only, so nothing can be changed; connect to the primary, or turn default_transaction_read_only off", false
	case insufficientRights:
		return "the role lacks rights; see docs/operations.md#roles-and-the-first-start", false
	case preparedBefore, notPrepared:
		return poolerAdvice, false
	case undefinedTable:
		return "tables are missing; run `api-tokens migrate`", false
	}
	switch code[:2] {
	case "28":
		return "the database refuses the log-in; correct user and password in the connection string, or pg_hba.conf", false
	case "08", "57":
		return "the database is stopping, starting, or out of reach", true
	case "53", "58":
		return "the database's machine is short of something, or failing; look at the server's log", true
	}
	return "", false
}
