package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// order is how tokens are sorted: by an expression and the id, as an index has
// them, so that a page is read from where the one before ended.
type order struct {
	by    string
	index string // of tokens; empty for that of last_uses
	text  bool
}

var orders = map[store.TokenOrder]order{
	store.ByName:     {by: `t.folded_name`, index: `tokens_by_name`, text: true},
	store.ByAPI:      {by: `t.api`, index: `tokens_by_api`, text: true},
	store.ByOwner:    {by: `t.folded_owner`, index: `tokens_by_owner`, text: true},
	store.ByCreated:  {by: `t.created`, index: `tokens_by_created`},
	store.ByExpiry:   {by: `t.ends`, index: `tokens_by_expiry`},
	store.ByLastUsed: {by: `l.last_used`},
}

// fewTokens is how many tokens are sorted rather than read in order.
const fewTokens = 1_000

// TokenPage implements store.Management. SQLite knows nothing of how many tokens
// a filter picks, so this says which index is read: one that picks few tokens,
// which are sorted, or else the one that has all in order, of which those that
// don't pass are skipped.
func (r reader) TokenPage(ctx context.Context, q store.TokenQuery) (store.TokenPage, error) {
	page, err := r.tokenPage(ctx, &q)
	if err != nil {
		return store.TokenPage{}, fmt.Errorf("page of tokens: %w", err)
	}
	return page, nil
}

func (r reader) tokenPage(ctx context.Context, q *store.TokenQuery) (store.TokenPage, error) {
	o, known := orders[q.Order()]
	if !known {
		return store.TokenPage{}, fmt.Errorf("there is no order %q of tokens", q.Sort)
	}
	cursor, err := q.Cursor()
	if err != nil {
		return store.TokenPage{}, err
	}
	from, err := r.pageSource(ctx, q, o)
	if err != nil {
		return store.TokenPage{}, err
	}
	query, args := pageQuery(q, o, from, cursor)
	return r.readPage(ctx, q, o, query, args)
}

func pageQuery(q *store.TokenQuery, o order, from string, cursor *store.Cursor) (query string, args []any) {
	f := tokenFilter(q)
	f.after(q, o, cursor)
	direction := ``
	if q.Descending {
		direction = ` DESC`
	}
	return `SELECT ` + tokenColumns + `, ` + o.by + ` FROM ` + from + f.where() +
		` ORDER BY ` + o.by + direction + `, ` + o.id() + direction + ` LIMIT ?`, append(f.args, max(q.Limit, 1)+1)
}

// id is the column of the id that is in the index.
func (o *order) id() string {
	if o.index == "" {
		return `l.token_id`
	}
	return `t.id`
}

// readPage reads one row more than the page has, to see whether another follows.
func (r reader) readPage(ctx context.Context, q *store.TokenQuery, o order, query string, args []any) (store.TokenPage, error) {
	var page store.TokenPage
	var last store.Cursor
	n, size := 0, 0
	err := r.each(ctx, query, args, func(rows *sql.Rows) error {
		if n++; n > max(q.Limit, 1) || size >= store.PageBytes {
			page.Next = last.String()
			return errEnough
		}
		var row record
		last = store.Cursor{Sort: q.Order(), Descending: q.Descending}
		value := any(&last.Number)
		if o.text {
			value = &last.Text
		}
		if err := rows.Scan(append(row.fields(), value)...); err != nil {
			return err
		}
		last.ID = row.token.ID
		switch t, err := row.read(); {
		case err == nil:
			page.Tokens, size = append(page.Tokens, t), size+store.TokenSize(&t)
		case errors.Is(err, store.ErrUnreadable):
			page.Unreadable = append(page.Unreadable, last.ID)
		default:
			return err
		}
		return nil
	})
	return page, err
}

// pageSource returns the tables of a page and how they are read.
func (r reader) pageSource(ctx context.Context, q *store.TokenQuery, o order) (string, error) {
	for _, n := range narrowings(q) {
		few, err := r.isFew(ctx, n)
		if err != nil {
			return "", err
		}
		if few {
			return `tokens t INDEXED BY ` + n.index + ` CROSS JOIN last_uses l ON l.token_id = t.id`, nil
		}
	}
	if o.index == "" {
		return `last_uses l INDEXED BY last_uses_by_time CROSS JOIN tokens t ON t.id = l.token_id`, nil
	}
	return `tokens t INDEXED BY ` + o.index + ` CROSS JOIN last_uses l ON l.token_id = t.id`, nil
}

// narrowing is a filter that has an index.
type narrowing struct {
	index, term string
	args        []any
}

func narrowings(q *store.TokenQuery) (n []narrowing) {
	if q.Owner != "" {
		n = append(n, narrowing{`tokens_of_owner`, `t.owner = ?`, []any{q.Owner}})
	}
	if q.API != "" {
		n = append(n, narrowing{`tokens_by_api`, `t.api = ?`, []any{q.API}})
	}
	if !q.ExpiresBy.IsZero() {
		n = append(n, narrowing{`tokens_by_expiry`, `t.ends > ? AND t.ends <= ?`, []any{q.Now.UnixMilli(), q.ExpiresBy.UnixMilli()}})
	}
	if q.Status == token.Expired {
		n = append(n, narrowing{`tokens_by_expiry`, `t.ends <= ?`, []any{q.Now.UnixMilli()}})
	}
	return n
}

func (r reader) isFew(ctx context.Context, n narrowing) (bool, error) {
	count, err := readOne(ctx, r, `SELECT count(*) FROM (SELECT 1 FROM tokens t INDEXED BY `+n.index+` WHERE `+n.term+` LIMIT ?)`,
		append(n.args, fewTokens), func(row scanner) (count int, err error) { return count, row.Scan(&count) })
	return count < fewTokens, err
}

// filter is the condition of a query.
type filter struct {
	terms []string
	args  []any
}

func (f *filter) add(wanted bool, term string, args ...any) {
	if wanted {
		f.terms, f.args = append(f.terms, term), append(f.args, args...)
	}
}

func (f *filter) where() string {
	if f.terms == nil {
		return ""
	}
	return ` WHERE ` + strings.Join(f.terms, ` AND `)
}

func tokenFilter(q *store.TokenQuery) *filter {
	f := &filter{}
	search, now := store.Fold(q.Search), q.Now.UnixMilli()
	f.add(search != "", `(instr(t.folded_text, ?) > 0 OR instr(t.folded_hint, ?) > 0)`, search, search)
	f.add(q.API != "", `t.api = ?`, q.API)
	f.add(q.Type != "", `t.type = ?`, string(q.Type))
	f.add(q.Owner != "", `t.owner = ?`, q.Owner)
	switch q.Status {
	case "":
	case token.Disabled:
		f.add(true, `t.enabled = 0`)
	case token.Expired:
		f.add(true, `t.enabled = 1 AND t.ends <= ?`, now)
	case token.Active:
		f.add(true, `t.enabled = 1 AND t.ends > ?`, now)
	case token.Drafted: // which no token of this table is
		fallthrough
	default:
		f.add(true, `false`)
	}
	unused, by := store.Ceil(q.UnusedSince), q.ExpiresBy.UnixMilli()
	f.add(!q.UnusedSince.IsZero(), `l.last_used < ? AND t.created < ?`, unused, unused)
	f.add(!q.ExpiresBy.IsZero(), `t.enabled = 1 AND t.ends > ? AND t.ends <= ?`, now, by)
	return f
}

// after leaves out all that was on earlier pages. SQLite finds the place in an
// index of columns with it, though not in one of expressions.
func (f *filter) after(q *store.TokenQuery, o order, c *store.Cursor) {
	if c == nil {
		return
	}
	value := any(c.Number)
	if o.text {
		value = c.Text
	}
	compare := `>`
	if q.Descending {
		compare = `<`
	}
	f.add(true, `(`+o.by+`, `+o.id()+`) `+compare+` (?, ?)`, value, c.ID)
}
