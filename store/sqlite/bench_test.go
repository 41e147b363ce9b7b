package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	s := openWith(b, size)
	uses := make([]token.Use, size)
	for i := range uses {
		uses[i] = token.Use{TokenID: bulkID(i), Day: now, Last: now.Add(time.Duration(i)), Allowed: 1}
	}
	for b.Loop() {
		if err := s.RecordUse(b.Context(), uses); err != nil {
			b.Fatal(err)
		}
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
		INSERT INTO tokens SELECT printf('tok_%016d', value), 'articles', 'token ' || value, '', 'custom',
		'["article.find","article.create","POST /api/search"]', 'ada', 1, 'trv_…abcd', NULL, ?1, ?1, 1
		FROM number`, now.UnixMilli(), size-1); err != nil {
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
