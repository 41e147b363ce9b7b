package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tokenreeve/tokenreeve/token"
)

// mergeUses adds what the JSON array ?1 holds to the table usage. WHERE true
// keeps the parser from taking ON CONFLICT for a part of the join
// (https://sqlite.org/lang_upsert.html, section 2.2).
const mergeUses = `INSERT INTO usage (token_id, day, secret, allowed, refused, last_used)
	SELECT t.id, u.value ->> 'day', unhex(u.value ->> 'digest'), u.value ->> 'allowed', u.value ->> 'refused', u.value ->> 'last'
	FROM json_each(?1) u JOIN tokens t ON t.id = u.value ->> 'token' WHERE true
	ON CONFLICT (token_id, day, secret) DO UPDATE SET
		allowed = allowed + excluded.allowed,
		refused = refused + excluded.refused,
		last_used = max(last_used, excluded.last_used)`

// moveLastUses keeps the newest of all times of each token, in the table by
// which tokens are sorted. The address is that of the row that has the newest
// (https://sqlite.org/lang_select.html#bareagg).
const moveLastUses = `UPDATE last_uses SET last_used = u.last, address = u.address
	FROM (SELECT value ->> 'token' AS token, max(value ->> 'last') AS last, value ->> 'address' AS address FROM json_each(?1) GROUP BY 1) u
	WHERE token_id = u.token AND last_used < u.last`

// moveLastUse is moveLastUses for a token whose row was made before.
const moveLastUse = `UPDATE last_uses SET last_used = ?, address = ? WHERE token_id = ?`

const insertUse = `INSERT INTO usage (token_id, day, secret, allowed, refused, last_used) VALUES (?, ?, unhex(?), ?, ?, ?)`

// maxCount bounds what one call may add, so that a broken counter can't make
// the sum overflow, which would fail all flushes to come.
const maxCount = 1 << 53

// use is a token.Use as mergeUses reads it.
type use struct {
	Token   string `json:"token"`
	Digest  string `json:"digest"` // of the secret, in hex; empty if it isn't known
	Day     int64  `json:"day"`
	Allowed uint64 `json:"allowed"`
	Refused uint64 `json:"refused"`
	Last    int64  `json:"last"`
	Address string `json:"address"`
}

// RecordUse implements store.Store.
func (s *Store) RecordUse(ctx context.Context, uses []token.Use) error {
	if err := s.ready(); err != nil {
		return err
	}
	if len(uses) == 0 {
		return nil
	}
	text, err := json.Marshal(writeUses(uses))
	if err != nil {
		return fmt.Errorf("recording use: %w", err)
	}
	permissions, err := json.Marshal(writePermissions(uses))
	if err != nil {
		return fmt.Errorf("recording use: %w", err)
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("recording use: %w", s.failure(ctx, err))
	}
	defer conn.Close()
	if s.fileMissing() {
		return fmt.Errorf("recording use: %w", s.errMissing())
	}
	if err := mergeAll(ctx, conn, string(text), string(permissions)); err != nil {
		return fmt.Errorf("recording use: %w", s.failure(ctx, err))
	}
	return nil
}

// mergeAll adds uses, given as JSON, in one transaction. Once begun, it is not
// bound to the context: one that ends meanwhile would report what is written as
// failed, and it would be written, and counted, again.
func mergeAll(ctx context.Context, conn *sql.Conn, uses, permissions string) error {
	sqlTx, err := begin(ctx, conn)
	if err != nil {
		return err
	}
	defer sqlTx.Rollback() // does nothing after a commit
	ctx = context.WithoutCancel(ctx)
	for _, merge := range [][2]string{{mergeUses, uses}, {moveLastUses, uses}, {mergePermissions, permissions}} {
		if _, err := sqlTx.ExecContext(ctx, merge[0], merge[1]); err != nil {
			return err
		}
	}
	return sqlTx.Commit()
}

func writeUses(uses []token.Use) []use {
	written := make([]use, len(uses))
	for i, u := range uses {
		written[i] = use{
			Token: u.TokenID, Day: writeDay(u.Day),
			Allowed: min(u.Allowed, maxCount), Refused: min(u.Refused, maxCount), Address: u.Address,
		}
		if u.Secret != (token.Digest{}) {
			written[i].Digest = hex.EncodeToString(u.Secret[:])
		}
		if !u.Last.IsZero() {
			written[i].Last = u.Last.UnixMilli()
		}
	}
	return written
}
