package admin_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// A token whose record can't be understood can still be got rid of, and its name
// is taken until then.
func TestUnreadableTokenCanBeDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := &fixture{store: s, now: start}
	f.Service = admin.New(s, func() time.Time { return f.now }, rand.Reader)
	saveCatalog(t, s, catalog(t, "articles"))
	made, _ := f.create(t, nil)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE tokens SET type = 'scoped'`); err != nil {
		t.Fatal(err)
	}
	var taken *token.FieldError
	if _, _, err := f.Create(t.Context(), operator, draft(nil)); !errors.As(err, &taken) || taken.Field != "name" {
		t.Errorf("another of the same name: %v", err)
	}
	if gone, err := f.Delete(t.Context(), operator, made.ID); err != nil || gone.ID != made.ID {
		t.Errorf("deleting: %v, %v", gone, err)
	}
	if _, _, err := f.Create(t.Context(), operator, draft(nil)); err != nil {
		t.Errorf("the name is free again: %v", err)
	}
}
