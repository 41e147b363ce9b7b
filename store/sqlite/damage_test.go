package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// A file that isn't ours, or not any more, is left as it is.
func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       func(t *testing.T, path string)
	}{
		{"newer version", "newer Tokenreeve: it has version 99, this one knows", func(t *testing.T, path string) {
			s := open(t, path)
			execute(t, s, `PRAGMA user_version = 99`)
			s.Close()
		}},
		{"another program's tables", "is a SQLite database of another program", func(t *testing.T, path string) {
			foreign(t, path, `CREATE TABLE songs (title TEXT)`)
		}},
		{"another program's number", "is a SQLite database of another program", func(t *testing.T, path string) {
			foreign(t, path, `PRAGMA application_id = 252006675`)
		}},
		{"another program's version", "is a SQLite database of another program", func(t *testing.T, path string) {
			foreign(t, path, `PRAGMA user_version = 3`)
		}},
		{"a text", "is not a SQLite database", func(t *testing.T, path string) {
			write(t, path, strings.Repeat("not a database\n", 1000))
		}},
		{"a short text", "is not a SQLite database", func(t *testing.T, path string) {
			write(t, path, "hello\n")
		}},
		{"broken tables", "is damaged; bring it back from a backup", func(t *testing.T, path string) {
			s := open(t, path)
			mustAdd(t, s, "ci")
			s.Close()
			text := []byte(contents(t, path))
			copy(text[100:], bytes.Repeat([]byte{0xa5}, 3000))
			write(t, path, string(text))
		}},
		{"the first half of a file", "is damaged; bring it back from a backup", func(t *testing.T, path string) {
			s := open(t, path)
			mustAdd(t, s, "ci")
			s.Close()
			text := contents(t, path)
			write(t, path, text[:len(text)/2])
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens.db")
			c.make(t, path)
			before := contents(t, path)
			s, err := Open(t.Context(), path)
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Error(err)
			}
			if errors.Is(err, store.ErrUnavailable) {
				t.Errorf("broken is not unavailable: %v", err)
			}
			if contents(t, path) != before {
				t.Error("the file changed")
			}
		})
	}
}

func TestOpenFolder(t *testing.T) {
	path := t.TempDir()
	_, err := Open(t.Context(), path)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), path+" can't be opened") {
		t.Error(err)
	}
}

func foreign(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file that breaks while it is open is no reason to go on with known tokens.
func TestFileThatBreaks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := open(t, path)
	mustAdd(t, s, "ci")
	s.Close()
	s = open(t, path)
	text := []byte(contents(t, path))
	for i := 4096; i < len(text); i++ {
		text[i] = 0xa5
	}
	write(t, path, string(text))
	_, err := s.Lookup(t.Context(), token.Hash("ci"))
	if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	execute(t, s, `PRAGMA max_page_count = 40`)
	var added []string
	var err error
	for i := 0; err == nil; i++ {
		name := fmt.Sprint(strings.Repeat("long ", 20), i)
		if err = add(t.Context(), s, name); err == nil {
			added = append(added, name)
		}
	}
	if !strings.Contains(err.Error(), "is full; make room") || errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
	if len(added) == 0 {
		t.Fatal("nothing was added at all")
	}
	for _, name := range added {
		mustFind(t, s, name)
	}
	execute(t, s, `PRAGMA max_page_count = 4000`)
	mustAdd(t, s, "room")
	tokens, err := s.Tokens(t.Context(), "")
	if err != nil || len(tokens) != len(added)+1 {
		t.Errorf("%d tokens of %d, %v", len(tokens), len(added)+1, err)
	}
}

// A writer that another process keeps waiting gives up with its context, and
// goes on when the way is free.
func TestLockedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s, other := open(t, path), open(t, path)
	mustAdd(t, s, "ci")
	err := other.Change(t.Context(), func(store.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		for name, err := range map[string]error{
			"Change":    add(ctx, s, "late"),
			"RecordUse": s.RecordUse(ctx, []token.Use{{TokenID: "ci", Day: now, Allowed: 1}}),
			"Open":      openOnly(ctx, path),
		} {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		mustFind(t, s, "ci")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustAdd(t, s, "late")
}

func openOnly(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	return s.Close()
}

// Security rule 16: rows that can't be understood deny their tokens alone.
func TestUnreadableRows(t *testing.T) {
	for name, statement := range map[string]string{
		"type":    `UPDATE tokens SET type = 'Custom' WHERE id = 'bad'`,
		"no JSON": `UPDATE tokens SET grants = '["article.find"' WHERE id = 'bad'`,
		"no list": `UPDATE tokens SET grants = '{"article.find":true}' WHERE id = 'bad'`,
		"number":  `UPDATE tokens SET grants = '[1]' WHERE id = 'bad'`,
		"enabled": `UPDATE tokens SET enabled = 2 WHERE id = 'bad'`,
		"scheme":  `UPDATE secrets SET scheme = 'md5' WHERE token_id = 'bad'`,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
			mustAdd(t, s, "good")
			mustAdd(t, s, "bad")
			execute(t, s, statement)
			if _, err := s.Lookup(t.Context(), token.Hash("bad")); !errors.Is(err, store.ErrUnreadable) {
				t.Error(err)
			}
			mustFind(t, s, "good")
		})
	}
}

// What is not fully understood of a draft must not be put in force.
func TestUnreadableDrafts(t *testing.T) {
	for name, draft := range map[string]string{
		"empty":            ``,
		"no JSON":          `{`,
		"null":             `null`,
		"no token":         `{"base":null,"token":null}`,
		"type":             `{"token":{"type":"Custom"}}`,
		"type before":      `{"base":{"type":""},"token":{"type":"custom"}}`,
		"grants":           `{"token":{"type":"custom","grants":[1]}}`,
		"a field more":     `{"token":{"type":"custom"},"comment":""}`,
		"a field inside":   `{"token":{"type":"custom","audience":"x"}}`,
		"something behind": `{"token":{"type":"custom"}}{}`,
		"scheme":           `{"token":{"type":"custom"},"secret":{"hash":"` + strings.Repeat("AAAA", 10) + `AAA=","scheme":"md5"}}`,
		"short hash":       `{"token":{"type":"custom"},"secret":{"hash":"AAAA","scheme":"sha256"}}`,
		"no hash":          `{"token":{"type":"custom"},"secret":{"scheme":"sha256"}}`,
		"time":             `{"token":{"type":"custom"},"updated":"yesterday"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
			const insert = `INSERT INTO drafts (token_id, api, version, draft) VALUES (?, 'articles', 1, ?)`
			execute(t, s, insert, "bad", draft)
			execute(t, s, insert, "good", `{"token":{"type":"custom"},"secret":{"hash":"`+strings.Repeat("AAAA", 10)+`AAA=","scheme":"sha256"}}`)
			if _, err := s.Draft(t.Context(), "bad"); !errors.Is(err, store.ErrUnreadable) {
				t.Error(err)
			}
			drafts, err := s.Drafts(t.Context(), "articles")
			if !errors.Is(err, store.ErrUnreadable) || len(drafts) != 1 || drafts[0].TokenID != "good" {
				t.Errorf("%+v, %v", drafts, err)
			}
		})
	}
}

// The tables themselves refuse what can't be read.
func TestTablesRefuse(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	mustAdd(t, s, "ci")
	for _, statement := range []string{
		`UPDATE secrets SET hash = x'00'`,
		`UPDATE secrets SET token_id = 'nobody'`,
		`UPDATE tokens SET created = 'yesterday'`,
		`UPDATE tokens SET grants = NULL`,
	} {
		if _, err := s.writer.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s worked", statement)
		}
	}
}
