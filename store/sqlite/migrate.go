package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

// applicationID marks a SQLite file as Tokenreeve's: "TRV1".
const applicationID = 0x54525631

//go:embed migrations/*.sql
var migrationFiles embed.FS

// fillIns are run after the scripts of some versions, in their transactions.
var fillIns = map[int]func(context.Context, *sql.Tx) error{2: foldTokens}

// migrations returns the scripts in order; the first makes version 1.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	scripts := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		scripts[i] = string(text)
	}
	return scripts, nil
}

// migrate brings the tables to the newest version, one transaction each, so
// that several processes may do so at once.
func (s *Store) migrate(ctx context.Context) error {
	scripts, err := migrations()
	if err != nil {
		return err
	}
	for done := false; !done; {
		err := retryBusy(ctx, func() error {
			done, err = s.migrateOnce(ctx, scripts)
			if isBusy(err) && s.isNewest(ctx, scripts) {
				done, err = true, nil // whoever only reads need not wait for another process that writes
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// migrateOnce runs the next migration, or reports that there is none.
func (s *Store) migrateOnce(ctx context.Context, scripts []string) (done bool, err error) {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	version, err := s.version(ctx, tx)
	switch {
	case err != nil:
		return false, err
	case version > len(scripts):
		return false, fmt.Errorf("%s has been used by a newer Tokenreeve: it has version %d, this one knows %d; upgrade Tokenreeve or use another file", s.path, version, len(scripts))
	case version == len(scripts):
		// Rolled back, but it fails already if the file can't be written.
		return true, setNumber(ctx, tx, "user_version", version)
	}
	if _, err := tx.ExecContext(ctx, scripts[version]); err != nil {
		return false, fmt.Errorf("migrating to version %d: %w", version+1, err)
	}
	if fill := fillIns[version+1]; fill != nil {
		if err := fill(ctx, tx); err != nil {
			return false, fmt.Errorf("filling the tables of version %d: %w", version+1, err)
		}
	}
	if err := setNumber(ctx, tx, "application_id", applicationID); err != nil {
		return false, err
	}
	if err := setNumber(ctx, tx, "user_version", version+1); err != nil {
		return false, err
	}
	return false, tx.Commit()
}

// isNewest reports whether there is nothing to migrate, as far as can be read while another
// process writes.
func (s *Store) isNewest(ctx context.Context, scripts []string) bool {
	version, err := s.version(ctx, s.readers)
	return err == nil && version == len(scripts)
}

// version returns the version of the tables, 0 for an empty file, and an error
// for a file of another program.
func (s *Store) version(ctx context.Context, db queryer) (int, error) {
	var application, version, objects int
	err := db.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`).Scan(&application, &version, &objects)
	switch {
	case err != nil:
		return 0, err
	case application == applicationID:
		return version, nil
	case application == 0 && version == 0 && objects == 0:
		return 0, nil
	}
	return 0, fmt.Errorf("%s is a SQLite database of another program; use another file", s.path)
}

// setNumber sets one of the numbers in the file's header, which can't be bound
// as parameters.
func setNumber(ctx context.Context, tx *sql.Tx, name string, value int) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA %s = %d", name, value))
	return err
}
