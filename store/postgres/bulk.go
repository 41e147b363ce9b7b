package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// bulk is how many records a round trip changes at most.
const bulk = 250

// inParts does something with each part of a list that goes to the server at once.
func inParts[T any](list []T, do func(part []T) error) error {
	for part := range slices.Chunk(list, bulk) {
		if err := do(part); err != nil {
			return err
		}
	}
	return nil
}

// send runs statements one after the other, in one round trip. The first that fails
// is the last that runs.
func (t *tx) send(ctx context.Context, batch *pgx.Batch) error {
	return t.run(ctx, func(ctx context.Context, _ queryer) error { return t.sql.SendBatch(ctx, batch).Close() })
}

// queueTouching is touchingAnd for a statement that is sent with others; found is set then.
func (t *tx) queueTouching(batch *pgx.Batch, found *bool, statement string, args ...any) {
	batch.Queue(statement, args...).QueryRow(func(row pgx.Row) error {
		var hashes [][]byte
		err := row.Scan(&hashes)
		if err == pgx.ErrNoRows { //nolint:errorlint // the row's own answer, not wrapped
			return nil
		}
		if err != nil {
			return err
		}
		*found = true
		return t.touch(hashes)
	})
}

// whichTokens names the tokens that a failure was about.
func whichTokens(first string, n int) string {
	if n == 1 {
		return fmt.Sprintf("token %q", first)
	}
	return fmt.Sprintf("%d tokens from %q on", n, first)
}
