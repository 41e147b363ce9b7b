package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// BenchmarkLookup measures look-ups of one secret after the other. A million
// tokens are measured with TOKENREEVE_BENCH_LARGE=1 only: making them takes a while.
func BenchmarkLookup(b *testing.B) {
	sizes := []int{1, 1_000}
	if os.Getenv("TOKENREEVE_BENCH_LARGE") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, size := range sizes {
		b.Run(fmt.Sprint(size, " tokens"), func(b *testing.B) {
			s := openWith(b, size)
			digests := make([]token.Digest, min(size, 1<<16))
			for i := range digests {
				digests[i] = token.Hash(bulkSecret(i * (size / len(digests))))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := s.Lookup(b.Context(), digests[i*7919%len(digests)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// BenchmarkLookupParallel measures as many look-ups at once as there are CPUs.
func BenchmarkLookupParallel(b *testing.B) {
	s := openWith(b, 1_000)
	digest := token.Hash(bulkSecret(500))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Lookup(b.Context(), digest); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkRecordUse measures a flush of 10,000 tokens in use.
func BenchmarkRecordUse(b *testing.B) {
	const size = 10_000
	for _, permissions := range []int{0, 3} {
		b.Run(fmt.Sprint(permissions, " permissions"), func(b *testing.B) {
			s := openWith(b, size)
			uses := make([]token.Use, size)
			for i := range uses {
				uses[i] = token.Use{TokenID: bulkID(i), Day: now, Last: now.Add(time.Duration(i)), Address: "192.0.2.1", Allowed: 1}
				for n := range permissions {
					uses[i].Permissions = append(uses[i].Permissions, token.PermissionUse{Permission: fmt.Sprintf("article.action%d", n), Allowed: 1})
				}
			}
			for b.Loop() {
				if err := s.RecordUse(b.Context(), uses); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// openWith opens a store that has the given number of custom tokens, each with
// three grants and a secret.
func openWith(b *testing.B, size int) *Store {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "tokens.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if err := fill(s, size); err != nil {
		b.Fatal(err)
	}
	return s
}

func bulkSecret(i int) string { return fmt.Sprint("trv_bulk ", i) }

func bulkID(i int) string { return fmt.Sprintf("tok_%016d", i) }

// fill inserts in one transaction, past the contract, which would note each.
func fill(s *Store, size int) error {
	tx, err := s.writer.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`WITH RECURSIVE number(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM number WHERE value < ?2)
		INSERT INTO tokens (id, api, name, description, type, grants, owner, enabled, hint, expiry, created, updated, version,
			folded_name, folded_owner, folded_text, folded_hint)
		SELECT printf('tok_%016d', value), 'articles', 'token ' || value, 'for the nightly build of ' || value, 'custom',
		'["article.find","article.create","POST /api/search"]', 'ada ' || (value % 100), value % 10 > 0, 'trv_…abcd',
		CASE WHEN value % 3 THEN ?1 + value * 1000 END, ?1 - value * 7919 % 1000003 * 10000, ?1, 1,
		'token ' || value, 'ada ' || (value % 100), 'token ' || value || x'1f' || 'for the nightly build of ' || value || x'1f' || 'ada ' || (value % 100), 'trv_…abcd'
		FROM number`, now.UnixMilli(), size-1); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE last_uses SET last_used = ? - substr(token_id, 5) * 104729 % 1000003 * 5000 WHERE substr(token_id, 5) % 7`, now.UnixMilli()); err != nil {
		return err
	}
	insert, err := tx.Prepare(`INSERT INTO secrets VALUES (?, 'sha256', 'trv_…abcd', ?, ?, NULL)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range size {
		digest := token.Hash(bulkSecret(i))
		if _, err := insert.Exec(digest[:], bulkID(i), now.UnixMilli()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// BenchmarkTokenPage measures pages of 50: the first one, one in the middle, and
// those of filters that pick many, few or none.
func BenchmarkTokenPage(b *testing.B) {
	sizes := []int{10_000}
	if os.Getenv("TOKENREEVE_BENCH_LARGE") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, size := range sizes {
		s := openWith(b, size)
		for name, q := range pageQueries(size) {
			b.Run(fmt.Sprint(size, " tokens/", name), func(b *testing.B) {
				q.Now, q.Limit = now, 50
				for b.Loop() {
					if _, err := s.TokenPage(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func pageQueries(size int) map[string]store.TokenQuery {
	queries := map[string]store.TokenQuery{
		"search that many pass":   {Search: "NIGHTLY"},
		"search that one passes":  {Search: fmt.Sprint("token ", size-1)},
		"search that none passes": {Search: "nowhere"},
		"owner of few":            {Owner: fmt.Sprint("ada ", 7), Sort: store.ByLastUsed},
		"API of all":              {API: "articles", Sort: store.ByCreated},
		"disabled":                {Status: token.Disabled, Sort: store.ByOwner},
		"unused":                  {UnusedSince: now.AddDate(0, 0, -30), Sort: store.ByLastUsed},
		"expired":                 {Status: token.Expired},
		"expires soon":            {ExpiresBy: now.Add(time.Minute)},
		"type of none":            {Type: token.ReadOnly},
	}
	for _, order := range []store.TokenOrder{store.ByName, store.ByAPI, store.ByOwner, store.ByCreated, store.ByLastUsed, store.ByExpiry} {
		for _, descending := range []bool{false, true} {
			q := store.TokenQuery{Sort: order, Descending: descending}
			name := fmt.Sprintf("by %s %v", order, descending)
			queries[name+" first"] = q
			middle := store.Cursor{Sort: order, Descending: descending, ID: bulkID(size / 2)}
			switch order {
			case store.ByName:
				middle.Text = "token 5"
			case store.ByAPI:
				middle.Text = "articles"
			case store.ByOwner:
				middle.Text = "ada 50"
			case store.ByCreated, store.ByLastUsed, store.ByExpiry:
				middle.Number = now.UnixMilli() - 2_000_000_000
			}
			q.After = middle.String()
			queries[name+" middle"] = q
		}
	}
	return queries
}
