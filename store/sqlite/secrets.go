package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Secrets implements store.Management.
func (r reader) Secrets(ctx context.Context, tokenID string, now time.Time) ([]store.SecretUse, error) {
	secrets, err := readAll(ctx, r, `SELECT s.hash, s.scheme, s.hint, s.created, s.expiry,
		coalesce((SELECT max(u.last_used) FROM usage u WHERE u.token_id = s.token_id AND u.secret = s.hash), 0)
		FROM secrets s WHERE s.token_id = ? AND (s.expiry IS NULL OR s.expiry > ?) ORDER BY s.created DESC, s.hash`,
		[]any{tokenID, now.UnixMilli()}, scanSecret)
	if err != nil {
		err = fmt.Errorf("secrets of token %q: %w", tokenID, err)
	}
	return secrets, err
}

func scanSecret(row scanner) (store.SecretUse, error) {
	var s store.SecretUse
	var hash []byte
	var scheme string
	var created, last int64
	var expiry sql.NullInt64
	if err := row.Scan(&hash, &scheme, &s.Hint, &created, &expiry, &last); err != nil {
		return store.SecretUse{}, err
	}
	if !token.Scheme(scheme).Known() || len(hash) != len(s.Digest) {
		return store.SecretUse{}, unreadable("secret "+s.Hint, fmt.Errorf("scheme %q is unknown", scheme))
	}
	s.Digest, s.Scheme = token.Digest(hash), token.Scheme(scheme)
	s.Created, s.Expiry = readTime(created), readOptional(expiry)
	if last != 0 {
		s.LastUsed = readTime(last)
	}
	return s, nil
}
