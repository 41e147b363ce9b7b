package postgres

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// A store that moves from SQLite to Postgres and back is the same.
func TestCopyBetweenDrivers(t *testing.T) {
	file := func(name string) store.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), name))
		check(t, err)
		t.Cleanup(func() { s.Close() })
		return s
	}
	first, last := file("first.db"), file("last.db")
	middle, _ := fresh(t, pgtest.Shared(t))
	const tokens = exportPart + 500
	check(t, first.Import(t.Context(), many(tokens)))
	check(t, first.Change(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			tx.SaveCatalog(t.Context(), store.Catalog{API: "articles", Staged: true, Updated: now}),
			tx.SaveDraft(t.Context(), draft(manyID(1), "renamed"), 0),
			tx.SaveDraft(t.Context(), draft("tok_new", "new"), 0),
		)
	}))
	for _, step := range []struct{ from, to store.Store }{{first, middle}, {middle, last}} {
		if n, err := store.Copy(t.Context(), step.from, step.to); n != tokens || err != nil {
			t.Fatalf("%d tokens, %v", n, err)
		}
	}
	want := everything(t, first)
	if n := len(want.Records); n != tokens+2 {
		t.Errorf("%d records", n)
	}
	for name, s := range map[string]store.Store{"Postgres": middle, "SQLite again": last} {
		if got := everything(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s has something else", name)
		}
	}
}

// draft returns one that gives a token this name and another secret.
func draft(id, name string) store.Draft {
	was := token.Token{ID: id, API: "articles", Name: "naïve 名", Type: token.ReadOnly, Created: now, Updated: now, Version: 1}
	is := was
	is.Name, is.Type, is.Grants = name, token.Custom, []string{"article.find", "POST /api/search?<&>"}
	return store.Draft{
		TokenID: id, API: "articles", Base: &was, Token: &is, Overlap: time.Hour, Author: "ada", Created: now, Updated: now, Version: now.UnixMilli(),
		Secret: &store.Secret{Digest: token.Hash(id + " new"), Scheme: token.SHA256, Hint: "trv_…new", Created: now},
	}
}

type contents struct {
	Records  []store.Record
	Tokens   []token.Token
	Catalogs []store.Catalog
}

func everything(t *testing.T, s store.Store) (c contents) {
	t.Helper()
	check(t, s.Export(t.Context(), func(r store.Record) error {
		c.Records = append(c.Records, r)
		return nil
	}))
	var err error
	c.Tokens, err = s.Tokens(t.Context(), "")
	check(t, err)
	c.Catalogs, err = s.Catalogs(t.Context())
	check(t, err)
	return c
}

func manyID(i int) string { return fmt.Sprintf("tok_%016d", i) }

// many returns tokens with a secret, three grants and two days of use each. The
// text of a secret is the token's id.
func many(n int) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for i := range n {
			id := manyID(i)
			yesterday := now.AddDate(0, 0, -1).Truncate(24 * time.Hour)
			r := store.Record{
				Token: token.Token{
					ID: id, API: "articles", Name: fmt.Sprint("naïve 名 ", i), Type: token.Custom, Enabled: i%2 == 0, Owner: "ada",
					Grants: []string{"article.find", "article.create", "POST /api/search?<&>"}, Hint: "trv_…abcd", Created: now, Updated: now, Version: 1,
				},
				Secrets: []store.Secret{{Digest: token.Hash(id), Scheme: token.SHA256, Hint: "trv_…abcd", Created: now}},
				Uses: []token.Use{
					{TokenID: id, Day: yesterday, Last: yesterday, Allowed: 1},
					{TokenID: id, Day: yesterday.AddDate(0, 0, 1), Refused: 3},
				},
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// BenchmarkCopy measures how long moving takes.
func BenchmarkCopy(b *testing.B) {
	const tokens = 100_000
	from, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "from.db"))
	check(b, err)
	defer from.Close()
	began := time.Now()
	check(b, from.Import(b.Context(), many(tokens)))
	b.Logf("SQLite took %d tokens in %v", tokens, time.Since(began))
	for b.Loop() {
		to, _ := fresh(b, pgtest.Shared(b))
		n, err := store.Copy(b.Context(), from, to)
		if n != tokens {
			b.Errorf("%d tokens", n)
		}
		check(b, err)
	}
}
