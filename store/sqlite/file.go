package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

// guardInterval is how often the Store looks whether its file is still there.
const guardInterval = time.Second

// createFile makes an empty file, and its folders, if there is none. SQLite
// itself would make one that others may read.
//
// The file is made under another name and never open under its own: when a
// process closes a file, it loses all its POSIX locks on it, also those of
// SQLite (https://sqlite.org/howtocorrupt.html, section 2.2).
func createFile(path string) error {
	switch there, err := exists(path); {
	case err != nil:
		return fmt.Errorf("looking for the database: %w", err)
	case there:
		return nil
	}
	folder, name := filepath.Split(path)
	if err := os.MkdirAll(folder, 0o700); err != nil { //nolint:gosec // the path is the administrator's own
		return fmt.Errorf("making the folder of the database: %w", err)
	}
	empty, err := os.CreateTemp(folder, "."+name+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("making the database, which needs write access to its folder: %w", err)
	}
	defer os.Remove(empty.Name())
	if err := empty.Close(); err != nil {
		return fmt.Errorf("making the database: %w", err)
	}
	if err := os.Link(empty.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the database; make an empty file %s yourself if its file system has no hard links: %w", path, err)
	}
	return nil
}

// exists reports whether the database is there. A write-ahead log without it
// is an error: SQLite would throw the log away, and the changes in it.
func exists(path string) (bool, error) {
	// The log comes first: other processes, which may be starting as well, make
	// the database before the log.
	log, logErr := os.Stat(path + "-wal") //nolint:gosec // the path is the administrator's own
	_, err := os.Stat(path)               //nolint:gosec // the path is the administrator's own
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("the user that runs this needs access to the file and its folder: %w", err)
	case logErr == nil && log.Size() > 0:
		return false, fmt.Errorf("%s-wal is there, with changes, but %s is not; bring the file back, or delete the -wal file to begin anew", path, path)
	}
	return false, nil
}

// guardFile notices when the file is moved, deleted or replaced: connections
// would go on with the file that was there before, and so with tokens that
// nobody can change any more.
func (s *Store) guardFile() {
	ticker := time.NewTicker(guardInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
			missing := s.fileMissing()
			if back := s.missing.Swap(missing) && !missing; back {
				s.watchers.Tell(store.Changed{All: true})
			}
		}
	}
}

// fileMissing only believes clear answers: a Stat that fails otherwise says
// nothing about the connections, which work or report by themselves.
func (s *Store) fileMissing() bool {
	now, err := os.Stat(s.path) //nolint:gosec // the path is the administrator's own
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return !os.SameFile(now, s.file)
}

func (s *Store) errMissing() error {
	return fmt.Errorf("%w: %s was moved, deleted or replaced while it was in use; bring it back, or restart to use what is there now", store.ErrUnavailable, s.path)
}
