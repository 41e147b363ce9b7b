package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const selectSessions = `SELECT id, hash, account_id, method, created, seen, expiry, address, agent FROM sessions `

func scanSession(row scanner) (store.Session, error) {
	var s store.Session
	var hash []byte
	var account *string
	var created, seen, expiry int64
	if err := row.Scan(&s.ID, &hash, &account, &s.Method, &created, &seen, &expiry, &s.Address, &s.Agent); err != nil {
		return store.Session{}, err
	}
	if len(hash) != len(s.Digest) {
		return store.Session{}, unreadable("session "+s.ID, fmt.Errorf("its hash has %d bytes", len(hash)))
	}
	s.Digest, s.Account = token.Digest(hash), readText(account)
	s.Created, s.Seen, s.Expiry = readTime(created), readTime(seen), readTime(expiry)
	return s, nil
}

// Session implements store.Management.
func (r reader) Session(ctx context.Context, digest token.Digest) (store.Session, error) {
	s, err := readOne(ctx, r, selectSessions+`WHERE hash = $1`, []any{digest[:]}, scanSession)
	if err != nil {
		return store.Session{}, fmt.Errorf("session: %w", err)
	}
	return s, nil
}

// Sessions implements store.Management.
func (r reader) Sessions(ctx context.Context, account string) ([]store.Session, error) {
	where, args := ``, []any(nil)
	if account != "" {
		where, args = `WHERE account_id = $1 `, []any{account}
	}
	sessions, err := readAll(ctx, r, selectSessions+where+`ORDER BY created DESC, id DESC`, args, scanSession)
	if err != nil {
		err = fmt.Errorf("sessions: %w", err)
	}
	return sessions, err
}

// insertSession adds no row if the account is gone, or the id or hash taken.
const insertSession = `INSERT INTO sessions (id, hash, account_id, method, created, seen, expiry, address, agent)
	SELECT $1, $2, $3::text, $4, $5, $6, $7, $8, $9 WHERE $3::text IS NULL OR EXISTS (SELECT FROM accounts WHERE id = $3::text)
	ON CONFLICT DO NOTHING`

// CreateSession implements store.ManagementTx.
func (t *tx) CreateSession(ctx context.Context, s store.Session) error {
	what := fmt.Sprintf("session %q", s.ID)
	created, err := t.execCount(ctx, what, insertSession,
		s.ID, s.Digest[:], writeText(s.Account), s.Method, s.Created.UnixMilli(), s.Seen.UnixMilli(), s.Expiry.UnixMilli(),
		store.Clean(s.Address), store.Clean(s.Agent))
	if err != nil || created == 1 {
		return err
	}
	return t.refused(ctx, what, store.ErrConflict, store.ErrNotFound, `SELECT FROM sessions WHERE id = $1 OR hash = $2`, s.ID, s.Digest[:])
}

// DeleteSession implements store.ManagementTx.
func (t *tx) DeleteSession(ctx context.Context, id string) error {
	return t.execOne(ctx, fmt.Sprintf("session %q", id), `DELETE FROM sessions WHERE id = $1`, id)
}

// DeleteSessions implements store.ManagementTx.
func (t *tx) DeleteSessions(ctx context.Context, account, except string) error {
	_, err := t.execCount(ctx, "sessions", `DELETE FROM sessions WHERE account_id IS NOT DISTINCT FROM $1 AND id <> $2`, writeText(account), except)
	return err
}

// TouchSession implements store.Housekeeping.
func (s *Store) TouchSession(ctx context.Context, id string, seen time.Time) error {
	err := s.keepHouse(ctx, `UPDATE sessions SET seen = $1 WHERE id = $2 AND seen < $1`, seen.UnixMilli(), id)
	if err != nil {
		return fmt.Errorf("session %q: %w", id, err)
	}
	return nil
}
