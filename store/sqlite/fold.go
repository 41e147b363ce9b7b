package sqlite

import (
	"context"
	"database/sql"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// foldPart is how many tokens foldTokens has in memory at once.
const foldPart = 10_000

// foldTokens fills in what tokens are searched and sorted by.
func foldTokens(ctx context.Context, tx *sql.Tx) error {
	for last := ""; ; {
		part, err := unfolded(ctx, tx, last)
		if err != nil || len(part) == 0 {
			return err
		}
		if err := foldAll(ctx, tx, part); err != nil {
			return err
		}
		last = part[len(part)-1].ID
	}
}

// unfolded returns the texts of the tokens that come after the given id.
func unfolded(ctx context.Context, tx *sql.Tx, after string) ([]token.Token, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, name, description, owner, hint FROM tokens WHERE id > ? ORDER BY id LIMIT ?`, after, foldPart)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var part []token.Token
	for rows.Next() {
		var t token.Token
		if err := rows.Scan(&t.ID, &t.Name, &t.Description, &t.Owner, &t.Hint); err != nil {
			return nil, err
		}
		part = append(part, t)
	}
	return part, rows.Err()
}

func foldAll(ctx context.Context, tx *sql.Tx, part []token.Token) error {
	statement, err := tx.PrepareContext(ctx, `UPDATE tokens SET folded_name = ?, folded_owner = ?, folded_text = ?, folded_hint = ? WHERE id = ?`)
	if err != nil {
		return err
	}
	defer statement.Close()
	for _, t := range part {
		if _, err := statement.ExecContext(ctx, store.Fold(t.Name), store.Fold(t.Owner), store.FoldedText(&t), store.Fold(t.Hint), t.ID); err != nil {
			return err
		}
	}
	return nil
}
