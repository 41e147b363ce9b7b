package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// order is how tokens are sorted: by an expression and the id, as an index has
// them, so that a page is read from where the one before ended.
type order struct {
	by   string
	id   string
	text bool
}

var orders = map[store.TokenOrder]order{
	store.ByName:     {by: `t.folded_name`, id: `t.id`, text: true},
	store.ByAPI:      {by: `t.api`, id: `t.id`, text: true},
	store.ByOwner:    {by: `t.folded_owner`, id: `t.id`, text: true},
	store.ByCreated:  {by: `t.created`, id: `t.id`},
	store.ByExpiry:   {by: `t.ends`, id: `t.id`},
	store.ByLastUsed: {by: `l.last_used`, id: `l.token_id`},
}

// TokenPage implements store.Management.
func (r reader) TokenPage(ctx context.Context, q store.TokenQuery) (store.TokenPage, error) {
	page, err := r.tokenPage(ctx, &q)
	if err != nil {
		return store.TokenPage{}, fmt.Errorf("page of tokens: %w", err)
	}
	return page, nil
}

func (r reader) tokenPage(ctx context.Context, q *store.TokenQuery) (page store.TokenPage, err error) {
	o, known := orders[q.Order()]
	if !known {
		return page, fmt.Errorf("there is no order %q of tokens", q.Sort)
	}
	cursor, err := q.Cursor()
	if err != nil {
		return page, err
	}
	query, args := pageQuery(q, o, cursor)
	if !storableArgs(args) {
		return page, nil
	}
	err = r.run(ctx, func(ctx context.Context, db queryer) error {
		page, err = readPage(ctx, db, q, o, query, args)
		return err
	})
	return page, err
}

func pageQuery(q *store.TokenQuery, o order, cursor *store.Cursor) (query string, args []any) {
	f := tokenFilter(q)
	f.after(q, o, cursor)
	direction := ``
	if q.Descending {
		direction = ` DESC`
	}
	limit := f.arg(int64(max(q.Limit, 1) + 1))
	return `SELECT ` + tokenColumns + `, ` + o.by + ` FROM tokens t JOIN last_uses l ON l.token_id = t.id` + f.where() +
		` ORDER BY ` + o.by + direction + `, ` + o.id + direction + ` LIMIT ` + limit + `::bigint`, f.args
}

// readPage reads one row more than the page has, to see whether another follows.
func readPage(ctx context.Context, db queryer, q *store.TokenQuery, o order, query string, args []any) (store.TokenPage, error) {
	var page store.TokenPage
	var last store.Cursor
	n, size := 0, 0
	err := each(ctx, db, query, args, func(rows pgx.Rows) error {
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

// filter is the condition of a query.
type filter struct {
	terms []string
	args  []any
}

// arg adds an argument and returns how the query names it.
func (f *filter) arg(value any) string {
	f.args = append(f.args, value)
	return fmt.Sprintf(`$%d`, len(f.args))
}

func (f *filter) where() string {
	if f.terms == nil {
		return ""
	}
	return ` WHERE ` + strings.Join(f.terms, ` AND `)
}

// equals asks for a value, unless that is empty.
func (f *filter) equals(column, value string) {
	if value != "" {
		f.terms = append(f.terms, column+` = `+f.arg(value))
	}
}

func tokenFilter(q *store.TokenQuery) *filter {
	f := &filter{}
	if q.Search != "" {
		search := f.arg(store.Fold(q.Search))
		f.terms = append(f.terms, `(strpos(t.folded_text, `+search+`) > 0 OR strpos(t.folded_hint, `+search+`) > 0)`)
	}
	f.equals(`t.api`, q.API)
	f.equals(`t.type`, string(q.Type))
	f.equals(`t.owner`, q.Owner)
	f.status(q)
	if !q.UnusedSince.IsZero() {
		since := f.arg(store.Ceil(q.UnusedSince))
		f.terms = append(f.terms, `l.last_used < `+since, `t.created < `+since)
	}
	if !q.ExpiresBy.IsZero() {
		f.terms = append(f.terms, `t.enabled`, `t.ends > `+f.arg(q.Now.UnixMilli()), `t.ends <= `+f.arg(q.ExpiresBy.UnixMilli()))
	}
	return f
}

func (f *filter) status(q *store.TokenQuery) {
	switch q.Status {
	case "":
	case token.Disabled:
		f.terms = append(f.terms, `NOT t.enabled`)
	case token.Expired:
		f.terms = append(f.terms, `t.enabled`, `t.ends <= `+f.arg(q.Now.UnixMilli()))
	case token.Active:
		f.terms = append(f.terms, `t.enabled`, `t.ends > `+f.arg(q.Now.UnixMilli()))
	case token.Drafted: // which no token of this table is
		fallthrough
	default:
		f.terms = append(f.terms, `false`)
	}
}

// after leaves out all that was on earlier pages.
func (f *filter) after(q *store.TokenQuery, o order, c *store.Cursor) {
	if c == nil {
		return
	}
	value := f.arg(c.Number)
	if o.text {
		f.args[len(f.args)-1] = c.Text
	}
	compare := ` > `
	if q.Descending {
		compare = ` < `
	}
	f.terms = append(f.terms, `(`+o.by+`, `+o.id+`)`+compare+`(`+value+`, `+f.arg(c.ID)+`)`)
}
