package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// prunePart is how many rows PruneUse looks at between two chances for others
// to write.
const prunePart = 2_000

const (
	// endOfPart finds the last row of a part, or of the table.
	endOfPart = `SELECT token_id, day FROM (SELECT token_id, day FROM usage WHERE (token_id, day) > (?, ?) ORDER BY token_id, day LIMIT ?)
		ORDER BY token_id DESC, day DESC LIMIT 1`
	// prunePartOfUses leaves the newest row of each secret that is there, and the
	// newest with a last time.
	prunePartOfUses = `DELETE FROM usage AS u WHERE (token_id, day) > (?1, ?2) AND (token_id, day) <= (?3, ?4) AND day < ?5
		AND (EXISTS (SELECT 1 FROM usage n WHERE n.token_id = u.token_id AND n.day > u.day AND n.secret = u.secret AND (n.last_used > 0 OR u.last_used = 0))
			OR u.secret <> x'' AND NOT EXISTS (SELECT 1 FROM secrets s WHERE s.hash = u.secret))`

	// endOfPermissionsPart and prunePartOfPermissions are the same for permission_usage,
	// of which nothing old is left.
	endOfPermissionsPart = `SELECT token_id, day FROM (SELECT token_id, day FROM permission_usage WHERE (token_id, day) > (?, ?) ORDER BY token_id, day LIMIT ?)
		ORDER BY token_id DESC, day DESC LIMIT 1`
	prunePartOfPermissions = `DELETE FROM permission_usage WHERE (token_id, day) > (?1, ?2) AND (token_id, day) <= (?3, ?4) AND day < ?5`
)

// PruneUse implements store.Store. It goes through the tables in parts, each a
// transaction of its own.
func (s *Store) PruneUse(ctx context.Context, before time.Time) error {
	if err := s.ready(); err != nil {
		return err
	}
	err := retryBusy(ctx, func() error {
		_, err := s.writer.ExecContext(ctx, `UPDATE usage_retention SET since = ?1 WHERE since < ?1`, writeDay(before))
		return err
	})
	if err == nil {
		err = s.pruneParts(ctx, endOfPart, prunePartOfUses, before)
	}
	if err == nil {
		err = s.pruneParts(ctx, endOfPermissionsPart, prunePartOfPermissions, before)
	}
	if err != nil {
		return fmt.Errorf("pruning use: %w", s.failure(ctx, err))
	}
	return nil
}

func (s *Store) pruneParts(ctx context.Context, end, prune string, before time.Time) error {
	lastID, lastDay := "", int64(math.MinInt64)
	for {
		if err := s.ready(); err != nil {
			return err
		}
		var id string
		var day int64
		err := s.readers.QueryRowContext(ctx, end, lastID, lastDay, prunePart).Scan(&id, &day)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		err = retryBusy(ctx, func() error {
			_, err := s.writer.ExecContext(ctx, prune, lastID, lastDay, id, day, writeDay(before))
			return err
		})
		if err != nil {
			return err
		}
		lastID, lastDay = id, day
	}
}

// readClock also reads a row, so that an answer says that the file can be read.
const readClock = `SELECT ` + clockNow + `, (SELECT revision FROM changes LIMIT 1)`

// Clock implements store.Store with this machine's clock.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	if err := s.ready(); err != nil {
		return time.Time{}, err
	}
	var ms int64
	var revision sql.NullInt64
	if err := s.readers.QueryRowContext(ctx, readClock).Scan(&ms, &revision); err != nil {
		return time.Time{}, fmt.Errorf("reading the database: %w", s.failure(ctx, err))
	}
	return readTime(ms), nil
}
