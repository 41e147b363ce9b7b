package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// foldPart is how many tokens foldTokens has in memory at once.
const foldPart = 10_000

// foldTokens fills in what tokens are searched and sorted by.
func foldTokens(ctx context.Context, sqlTx pgx.Tx) error {
	for last := ""; ; {
		var ids, names, owners, texts, hints []string
		err := each(ctx, sqlTx, `SELECT id, name, description, owner, hint FROM tokens WHERE id > $1 ORDER BY id LIMIT $2::bigint`,
			[]any{last, int64(foldPart)}, func(rows pgx.Rows) error {
				var t token.Token
				if err := rows.Scan(&t.ID, &t.Name, &t.Description, &t.Owner, &t.Hint); err != nil {
					return err
				}
				ids, names, owners = append(ids, t.ID), append(names, store.Fold(t.Name)), append(owners, store.Fold(t.Owner))
				texts, hints = append(texts, store.FoldedText(&t)), append(hints, store.Fold(t.Hint))
				return nil
			})
		if err != nil || len(ids) == 0 {
			return err
		}
		_, err = sqlTx.Exec(ctx, `UPDATE tokens SET folded_name = f.name, folded_owner = f.owner, folded_text = f.text, folded_hint = f.hint
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS f (id, name, owner, text, hint) WHERE tokens.id = f.id`,
			ids, names, owners, texts, hints)
		if err != nil {
			return err
		}
		last = ids[len(ids)-1]
	}
}
