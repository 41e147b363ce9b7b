package sqlite

import (
	"context"
	"fmt"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const (
	insertGone = `INSERT INTO gone_secrets (hash) VALUES (?) ON CONFLICT DO NOTHING`
	nextGone   = `SELECT hash FROM gone_secrets WHERE hash > ? ORDER BY hash LIMIT ?`
)

// Gone implements store.Reader.
func (r reader) Gone(ctx context.Context, digest token.Digest) (bool, error) {
	gone, err := readOne(ctx, r, `SELECT EXISTS (SELECT 1 FROM gone_secrets WHERE hash = ?)`, []any{digest[:]}, func(row scanner) (gone bool, err error) {
		return gone, row.Scan(&gone)
	})
	if err != nil {
		return false, fmt.Errorf("secrets that are gone: %w", err)
	}
	return gone, nil
}

func scanGone(row scanner) (token.Digest, error) {
	var hash []byte
	if err := row.Scan(&hash); err != nil {
		return token.Digest{}, err
	}
	return token.Digest(hash), nil // the table holds it to its length
}

func (r reader) exportGone(ctx context.Context, yield func(store.Record) error) error {
	next := func(last []byte) ([]token.Digest, error) {
		part, err := readAll(ctx, r, nextGone, []any{last, exportPart}, scanGone)
		if err != nil {
			return nil, fmt.Errorf("exporting secrets that are gone: %w", err)
		}
		return part, nil
	}
	return store.ExportParts(next, func(gone *token.Digest) ([]byte, error) { return gone[:], yield(store.Record{Gone: gone}) }, []byte{})
}
