package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Security rule 18: before 3.51.3, SQLite could damage a file whose write-ahead
// log was copied back by one process and begun anew by another at that moment.
func TestSQLiteIsNewEnough(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	var text string
	if err := s.writer.QueryRowContext(t.Context(), "SELECT sqlite_version()").Scan(&text); err != nil {
		t.Fatal(err)
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if number := major*1_000_000 + minor*1000 + patch; number < 3_051_003 {
		t.Errorf("SQLite is %s; 3.51.3 is needed", text)
	}
}
