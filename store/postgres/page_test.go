package postgres

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 22: the audit trail can be added to, not changed, not even past
// the contract.
func TestEventsStay(t *testing.T) {
	s, _ := fresh(t, pgtest.Shared(t))
	check(t, s.Change(t.Context(), func(tx store.Tx) error {
		for days := range 4 {
			if err := tx.AppendEvent(t.Context(), store.Event{Time: now.AddDate(0, 0, -days), Action: "token.create"}); err != nil {
				return err
			}
		}
		return nil
	}))
	refused := func(more ...string) {
		t.Helper()
		for _, statement := range append(more,
			`UPDATE events SET actor = 'nobody'`, `DELETE FROM events`, `DELETE FROM events WHERE id = 1`, `TRUNCATE events`,
			`DELETE FROM retention`, `TRUNCATE retention`,
		) {
			if _, err := s.changes.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "the audit trail") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	}
	refused()
	check(t, s.PruneManagement(t.Context(), now, now.AddDate(0, 0, -1)))
	refused(`UPDATE retention SET since = since - 1`)
	if events, err := s.Events(t.Context(), store.EventQuery{}); err != nil || len(events) != 2 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// Each order of pages reads its index from where the page before ended, and
// sorts nothing.
func TestPagesSortNothing(t *testing.T) {
	s, _ := fresh(t, pgtest.Shared(t))
	fillPages(t, s, 5_000)
	for order, o := range orders {
		for _, descending := range []bool{false, true} {
			q := store.TokenQuery{Sort: order, Descending: descending, Now: now, Limit: 50}
			query, args := pageQuery(&q, o, &store.Cursor{ID: "x", Text: "token 5", Number: now.UnixMilli()})
			plan := explain(t, s, query, args...)
			if strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s %v:\n%s", order, descending, plan)
			}
		}
	}
}

// A throttled sign-in asks which networks the account signed in from. It read all
// that the account ever did: half a second for each guess, for one that scripts use.
func TestSignInsAreFoundAmongManyEvents(t *testing.T) {
	s, _ := fresh(t, pgtest.Shared(t))
	_, err := s.changes.Exec(t.Context(), fmt.Sprintf(`INSERT INTO events (time, actor, via, token, address, action, subject, name, api, owner)
		SELECT %d, 'ci', 'api', '', '', CASE WHEN n %% 1000 = 0 THEN 'session.create' ELSE 'token.create' END, '', '', '', '' FROM generate_series(1, 20000) n;
		ANALYZE events`, now.UnixMilli()))
	check(t, err)
	query, args := eventsQuery(&store.EventQuery{Actor: "ci", Action: "session.create", Since: now.Add(-time.Hour), Limit: 100})
	if plan := explain(t, s, query, args...); !strings.Contains(plan, "events_of_actor_and_action") || strings.Contains(plan, "Sort") {
		t.Error(plan)
	}
}

func explain(t testing.TB, s *Store, query string, args ...any) string {
	t.Helper()
	var plan strings.Builder
	err := s.reads.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		rows, err := conn.Query(t.Context(), `EXPLAIN `+query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var step string
			if err := rows.Scan(&step); err != nil {
				return err
			}
			fmt.Fprintln(&plan, step)
		}
		return rows.Err()
	})
	check(t, err)
	return plan.String()
}

// fillPages adds tokens past the contract.
func fillPages(t testing.TB, s *Store, size int) {
	t.Helper()
	_, err := s.changes.Exec(t.Context(), fmt.Sprintf(`SET LOCAL statement_timeout = 0; INSERT INTO tokens SELECT 'tok_' || lpad(n::text, 16, '0'), 'articles', 'token ' || n, 'for the nightly build of ' || n,
		'custom', '["article.find","article.create","POST /api/search"]', 'ada ' || n %% 100, n %% 10 > 0, 'trv_…abcd',
		CASE WHEN n %% 3 > 0 THEN %[1]d + n * 1000 END, %[1]d - n * 7919 %% 1000003 * 10000, %[1]d, 1,
		'token ' || n, 'ada ' || n %% 100, 'token ' || n || chr(31) || 'for the nightly build of ' || n || chr(31) || 'ada ' || n %% 100, 'trv_…abcd'
		FROM generate_series(0::bigint, %[2]d) n;
		INSERT INTO last_uses SELECT 'tok_' || lpad(n::text, 16, '0'), CASE WHEN n %% 7 > 0 THEN %[1]d - n * 104729 %% 1000003 * 5000 ELSE 0 END FROM generate_series(0::bigint, %[2]d) n;
		ANALYZE tokens; ANALYZE last_uses`, now.UnixMilli(), size-1))
	check(t, err)
}

// BenchmarkTokenPage measures pages of 50.
func BenchmarkTokenPage(b *testing.B) {
	sizes := []int{10_000}
	if os.Getenv("TOKENREEVE_BENCH_LARGE") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, size := range sizes {
		s, _ := fresh(b, pgtest.Shared(b))
		fillPages(b, s, size)
		queries := map[string]store.TokenQuery{
			"search that many pass":   {Search: "NIGHTLY"},
			"search that one passes":  {Search: fmt.Sprint("token ", size-1)},
			"search that none passes": {Search: "nowhere"},
			"owner of few":            {Owner: "ada 7", Sort: store.ByLastUsed},
			"API of all":              {API: "articles", Sort: store.ByCreated},
			"unused":                  {UnusedSince: now.AddDate(0, 0, -30), Sort: store.ByLastUsed},
			"expires soon":            {Now: now, ExpiresBy: now.AddDate(0, 0, 7)},
			"expired":                 {Now: now, Status: token.Expired},
		}
		for order := range orders {
			queries[fmt.Sprint("by ", order)] = store.TokenQuery{Sort: order}
			queries[fmt.Sprint("by ", order, " down")] = store.TokenQuery{Sort: order, Descending: true}
		}
		for name, q := range queries {
			b.Run(fmt.Sprint(size, " tokens/", name), func(b *testing.B) {
				q.Limit = 50
				for b.Loop() {
					if _, err := s.TokenPage(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
