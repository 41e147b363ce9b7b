package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tokenreeve/tokenreeve/token"
)

// mergeUses adds what the JSON array ?1 holds to the table usage. WHERE true
// keeps the parser from taking ON CONFLICT for a part of the join
// (https://sqlite.org/lang_upsert.html, section 2.2).
const mergeUses = `INSERT INTO usage (token_id, day, allowed, refused, last_used)
	SELECT t.id, u.value ->> 'day', u.value ->> 'allowed', u.value ->> 'refused', u.value ->> 'last'
	FROM json_each(?1) u JOIN tokens t ON t.id = u.value ->> 'token' WHERE true
	ON CONFLICT (token_id, day) DO UPDATE SET
		allowed = allowed + excluded.allowed,
		refused = refused + excluded.refused,
		last_used = max(last_used, excluded.last_used)`

const insertUse = `INSERT INTO usage (token_id, day, allowed, refused, last_used) VALUES (?, ?, ?, ?, ?)`

// maxCount bounds what one call may add, so that a broken counter can't make
// the sum overflow, which would fail all flushes to come.
const maxCount = 1 << 53

// use is a token.Use as mergeUses reads it.
type use struct {
	Token   string `json:"token"`
	Day     int64  `json:"day"`
	Allowed uint64 `json:"allowed"`
	Refused uint64 `json:"refused"`
	Last    int64  `json:"last"`
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
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("recording use: %w", s.failure(ctx, err))
	}
	defer conn.Close()
	if s.fileMissing() {
		return fmt.Errorf("recording use: %w", s.errMissing())
	}
	// Not bound to the context: one that ends during the statement would report
	// what is written as failed, and it would be written, and counted, again.
	err = retryBusy(ctx, func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), mergeUses, string(text))
		return err
	})
	if err != nil {
		return fmt.Errorf("recording use: %w", s.failure(ctx, err))
	}
	return nil
}

func writeUses(uses []token.Use) []use {
	written := make([]use, len(uses))
	for i, u := range uses {
		written[i] = use{
			Token: u.TokenID, Day: writeDay(u.Day),
			Allowed: min(u.Allowed, maxCount), Refused: min(u.Refused, maxCount),
		}
		if !u.Last.IsZero() {
			written[i].Last = u.Last.UnixMilli()
		}
	}
	return written
}
