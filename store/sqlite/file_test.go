package sqlite

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0)) // a generous one
	there := t.TempDir()
	if err := os.Chmod(there, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(there, "a", "b", "tokens.db")
	s := open(t, path)
	mustAdd(t, s, "ci")
	for name, want := range map[string]os.FileMode{
		there: 0o755 | os.ModeDir, filepath.Join(there, "a"): 0o700 | os.ModeDir, filepath.Join(there, "a", "b"): 0o700 | os.ModeDir,
		path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, not %v", name, info.Mode(), want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 3 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestAwkwardPaths(t *testing.T) {
	for _, name := range []string{
		"a b", "%", "%41", "50%.db", "a?mode=memory", "a#b", "?", "a&b=c", "ünï", "トークン", `back\slash`, "'quoted\"", ":memory:", "file:x", "+",
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), name)
			path := filepath.Join(folder, name)
			s := open(t, path)
			mustAdd(t, s, "ci")
			s.Close()
			mustFind(t, open(t, path), "ci")
			entries, err := os.ReadDir(folder)
			if err != nil || len(entries) != 3 || entries[0].Name() != name {
				t.Errorf("the folder holds %v, %v", entries, err)
			}
		})
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, "tokens.db")
	t.Chdir(t.TempDir())
	mustAdd(t, s, "ci")
}

// Invariant 3: a secret is stored as a hash only.
func TestSecretIsNotInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := open(t, path)
	mustAdd(t, s, "ci")
	secret, err := token.Mint(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := secret.Digest()
	err = s.Change(t.Context(), func(tx store.Tx) error {
		return tx.AddSecret(t.Context(), "ci", store.Secret{Digest: digest, Scheme: token.SHA256, Hint: secret.Hint(), Created: now})
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, suffix := range []string{"", "-wal", "-shm"} {
		all = append(all, contents(t, path+suffix)...)
	}
	if body := secret.Reveal()[len(token.Prefix):]; bytes.Contains(all, []byte(body[:len(body)-4])) {
		t.Error("the secret is in the file")
	}
	if !bytes.Contains(all, digest[:]) {
		t.Error("its hash isn't")
	}
}

// Security rule 18: a change that was told to have happened survives a loss of
// power, and nobody writes beside the one writer.
func TestSettings(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	number := func(db queryer, pragma string) (n int) {
		if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var mode string
	if err := s.writer.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode is %s, %v", mode, err)
	}
	if full := number(s.writer, "synchronous"); full != 2 {
		t.Errorf("synchronous is %d", full)
	}
	if number(s.writer, "foreign_keys") != 1 || number(s.writer, "busy_timeout") == 0 {
		t.Error("foreign keys or busy timeout are off")
	}
	if _, err := s.readers.ExecContext(t.Context(), `DELETE FROM tokens`); err == nil {
		t.Error("readers can write")
	}
	if s.writer.Stats().MaxOpenConnections != 1 {
		t.Error("there is more than one writer")
	}
}

func TestFileThatGoesAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	s := open(t, path)
	mustAdd(t, s, "ci")
	told := listen(t, s)
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	available := func() bool {
		_, err := s.Lookup(t.Context(), token.Hash("ci"))
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		return err == nil
	}

	move(path, path+".away")
	if err := add(t.Context(), s, "lost"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a change of a file that is away: %v", err)
	}
	eventually(t, "look-ups notice that the file is away", func() bool { return !available() })
	move(path+".away", path)
	eventually(t, "look-ups notice that the file is back", available)
	await(t, told, isAll)
	mustAdd(t, s, "back")

	move(path, path+".away")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "look-ups notice another file", func() bool { return !available() })
	if text := contents(t, path); text != "" {
		t.Error("something was written to the other file")
	}
}

func TestLogWithoutItsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	if err := os.WriteFile(path+"-wal", []byte("changes"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "bring the file back") {
		t.Fatal(err)
	}
	if contents(t, path+"-wal") != "changes" {
		t.Error("the log was changed")
	}
}
