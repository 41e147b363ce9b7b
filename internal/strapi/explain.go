package strapi

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// Result codes of SQLite, without what extends them.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadOnly = 8
)

// explain says what to do about an error of the database, where that is known.
func explain(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqliteBusy, sqliteLocked:
			return fmt.Errorf("its file is locked while Strapi writes to it; try again: %w", err)
		case sqliteReadOnly:
			return fmt.Errorf("to read it, SQLite writes files beside it, and may not; run this as the user of Strapi, "+
				"or copy the file together with those of its name with -wal and -shm behind it, and read the copy: %w", err)
		}
	}
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok && e.SQLState() == "42501" { // insufficient_privilege
		return fmt.Errorf("the role needs the right to SELECT from this table: %w", err)
	}
	return err
}
