package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Security rule 22: the audit trail can be added to, not changed, not even past
// the contract.
func TestEventsStay(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	err := s.Change(t.Context(), func(tx store.Tx) error {
		for days := range 4 {
			if err := tx.AppendEvent(t.Context(), store.Event{Time: now.AddDate(0, 0, -days), Action: "token.create"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(more ...string) {
		t.Helper()
		for _, statement := range append(more,
			`UPDATE events SET actor = 'nobody'`,
			`UPDATE events SET time = 0`,
			`DELETE FROM events`,
			`DELETE FROM events WHERE id = 1`,
			`DELETE FROM retention`,
		) {
			if _, err := s.writer.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "the audit trail") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	}
	refused()
	if err := s.PruneManagement(t.Context(), now, now.AddDate(0, 0, -1)); err != nil {
		t.Fatal(err)
	}
	refused(`UPDATE retention SET since = since - 1`)
	if events, err := s.Events(t.Context(), store.EventQuery{}); err != nil || len(events) != 2 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// Security rule 16: rows that can't be understood are left out and named; what
// a role that can't be understood would allow is not allowed.
func TestUnreadableManagement(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		read      func(ctx context.Context, s *Store) (int, error)
	}{
		"account": {`UPDATE accounts SET enabled = 2 WHERE id = 'bad'`, listAccounts},
		"scope":   {`UPDATE roles SET may_read = 'ALL' WHERE name = 'bad'`, listRoles},
		"mark":    {`UPDATE roles SET accounts = -1 WHERE name = 'bad'`, listRoles},
		"ceiling": {`UPDATE roles SET apis = 'null' WHERE name = 'bad'`, listRoles},
		"list":    {`UPDATE roles SET grants = '{}' WHERE name = 'bad'`, listRoles},
		"no JSON": {`UPDATE roles SET types = '["custom"' WHERE name = 'bad'`, listRoles},
		"catalog": {`UPDATE catalogs SET staged = 2 WHERE api = 'bad'`, func(ctx context.Context, s *Store) (int, error) {
			catalogs, err := s.Catalogs(ctx)
			return len(catalogs), err
		}},
		"event": {`DROP TRIGGER events_stay_as_they_are; UPDATE events SET before = '{' WHERE id = 2`, func(ctx context.Context, s *Store) (int, error) {
			events, err := s.Events(ctx, store.EventQuery{})
			return len(events), err
		}},
		"secret": {`UPDATE secrets SET scheme = 'md5' WHERE hint = 'bad'`, func(ctx context.Context, s *Store) (int, error) {
			secrets, err := s.Secrets(ctx, "good", now)
			return len(secrets), err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
			mustAdd(t, s, "good")
			err := s.Change(t.Context(), func(tx store.Tx) error {
				var errs []error
				for _, name := range []string{"good", "bad"} {
					errs = append(
						errs,
						tx.CreateAccount(t.Context(), store.Account{ID: name, Name: name, Created: now, Updated: now}),
						tx.CreateRole(t.Context(), store.Role{
							Name: name, Read: store.Own, Create: store.None, Update: store.None, Regenerate: store.None, Delete: store.None, Updated: now,
						}),
						tx.AppendEvent(t.Context(), store.Event{Time: now}),
						tx.SaveCatalog(t.Context(), store.Catalog{API: name, Updated: now}),
					)
				}
				errs = append(errs, tx.AddSecret(t.Context(), "good", store.Secret{Digest: token.Hash("bad"), Scheme: token.SHA256, Hint: "bad", Created: now}))
				return errors.Join(errs...)
			})
			if err != nil {
				t.Fatal(err)
			}
			execute(t, s, c.statement)
			if n, err := c.read(t.Context(), s); n != 1 || !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("%d readable, %v", n, err)
			}
		})
	}
}

func listAccounts(ctx context.Context, s *Store) (int, error) {
	accounts, err := s.Accounts(ctx)
	if _, one := s.Account(ctx, "bad"); !errors.Is(one, store.ErrUnreadable) {
		return 0, one
	}
	return len(accounts), err
}

func listRoles(ctx context.Context, s *Store) (int, error) {
	roles, err := s.Roles(ctx)
	return len(roles), err
}

// Each order of pages reads its index from where the page before ended, and
// sorts nothing.
func TestPagesSortNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.db"))
	for order, o := range orders {
		for _, descending := range []bool{false, true} {
			q := store.TokenQuery{Sort: order, Descending: descending, Now: now, Limit: 50}
			from, err := s.pageSource(t.Context(), &q, o)
			if err != nil {
				t.Fatal(err)
			}
			query, args := pageQuery(&q, o, from, &store.Cursor{ID: "x"})
			plan := explain(t, s, query, args...)
			if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN") || !strings.Contains(plan, " (("+strings.TrimPrefix(strings.TrimPrefix(o.by, "t."), "l.")+",") {
				t.Errorf("%s %v:\n%s", order, descending, plan)
			}
		}
	}
}

// What was there before the tables of version 2 is found like all else.
func TestMigrationOfTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	scripts, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	foreign(t, path, scripts[0])
	foreign(t, path, `PRAGMA application_id = 1414682161; PRAGMA user_version = 1;
		INSERT INTO tokens VALUES ('tok_1', 'articles', 'Ärger', 'für Öl', 'custom', '[]', 'Ünal', 1, 'trv_…Ab3d', NULL, 1, 1, 4);
		INSERT INTO tokens VALUES ('tok_2', 'articles', 'unused', '', 'custom', '[]', '', 1, 'trv_…', NULL, 1, 1, 1);
		INSERT INTO secrets VALUES (randomblob(32), 'sha256', 'trv_…Ab3d', 'tok_1', 1, NULL);
		INSERT INTO usage VALUES ('tok_1', 86400000, 3, 1, 86400007), ('tok_1', 172800000, 2, 0, 172800009), ('tok_1', 259200000, 0, 5, 0)`)
	s := open(t, path)
	page, err := s.TokenPage(t.Context(), store.TokenQuery{Sort: store.ByLastUsed, Descending: true, Limit: 5})
	if err != nil || len(page.Tokens) != 2 || page.Tokens[0].ID != "tok_1" || page.Tokens[0].LastUsed.UnixMilli() != 172800009 || page.Tokens[0].Version != 4 {
		t.Errorf("%+v, %v", page, err)
	}
	for _, search := range []string{"ÄRGER", "öl", "ünAL", "ab3D"} {
		page, err := s.TokenPage(t.Context(), store.TokenQuery{Search: search, Limit: 5})
		if err != nil || len(page.Tokens) != 1 {
			t.Errorf("%s finds %d, %v", search, len(page.Tokens), err)
		}
	}
	uses, err := s.Usage(t.Context(), "tok_1", time.Time{})
	if err != nil || len(uses) != 3 || uses[0].Allowed != 3 || uses[2].Refused != 5 {
		t.Errorf("%+v, %v", uses, err)
	}
	secrets, err := s.Secrets(t.Context(), "tok_1", now)
	if err != nil || len(secrets) != 1 || !secrets[0].LastUsed.IsZero() {
		t.Errorf("%+v, %v", secrets, err)
	}
}
