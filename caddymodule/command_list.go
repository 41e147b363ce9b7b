package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func listCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "Lists tokens",
		Args:  none,
		RunE:  o.run(list),
	}
	cmd.Flags().StringVar(&o.api, "api", "", "Only tokens of this API")
	cmd.Flags().StringVar(&o.kind, "type", "", "Only read-only, full-access or custom tokens")
	cmd.Flags().StringVar(&o.status, "status", "", "Only active, disabled or expired tokens")
	cmd.Flags().StringVar(&o.owner, "owner", "", "Only tokens of this owner")
	cmd.Flags().StringVar(&o.search, "search", "", "Only tokens with this in the name, the description, the owner or the hint")
	cmd.Flags().StringVar(&o.unusedSince, "unused-since", "", "Only tokens made before and not used since: 90d ago, or a date such as 2027-01-31")
	cmd.Flags().StringVar(&o.sort, "sort", "", "Sort by name, api, owner, created, last_used or expiry (default API and name)")
	cmd.Flags().BoolVar(&o.reverse, "reverse", false, "Sort the other way round; needs --sort")
	return cmd
}

func list(s *session, _ []string) error {
	// Records that can't be read are an error beside those that can.
	tokens, unreadable := s.tokens()
	if unreadable != nil && len(tokens) == 0 {
		return unreadable
	}
	var err error
	if s.json {
		err = s.printJSON(s.records(tokens))
	} else {
		err = s.printTable(tokens)
	}
	return errors.Join(err, unreadable)
}

// tokens returns the tokens that the flags pick.
func (s *session) tokens() ([]token.Token, error) {
	if s.sort == "" && s.reverse {
		return nil, &token.FieldError{Field: "reverse", Problem: "needs --sort, which says by what"}
	}
	if s.search == "" && s.unusedSince == "" && s.sort == "" {
		filter, err := s.filter()
		if err != nil {
			return nil, err
		}
		return s.service.List(s.cmd.Context(), s.actor, filter)
	}
	tokens, err := s.query()
	if s.sort == "" {
		slices.SortFunc(tokens, func(a, b token.Token) int {
			return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Name, b.Name))
		})
	}
	return tokens, err
}

func (o *options) filter() (admin.Filter, error) {
	f := admin.Filter{API: o.api, Type: token.Type(o.kind), Status: token.Status(o.status), Owner: o.owner}
	if f.Type != "" {
		if _, err := token.ParseType(o.kind); err != nil {
			return f, err
		}
	}
	statuses := []token.Status{"", token.Active, token.Disabled, token.Expired}
	if !slices.Contains(statuses, f.Status) {
		return f, &token.FieldError{Field: "status", Problem: fmt.Sprintf("%q is not a status; use active, disabled or expired", o.status)}
	}
	return f, nil
}

// query asks for what filters don't have.
func (s *session) query() ([]token.Token, error) {
	q := store.TokenQuery{
		Search: s.search, API: s.api, Type: token.Type(s.kind), Status: token.Status(s.status), Owner: s.owner,
		Sort: store.TokenOrder(s.sort), Descending: s.reverse, Limit: admin.MaxLimit,
	}
	var err error
	if q.UnusedSince, err = parsePast("unused-since", s.unusedSince); err != nil {
		return nil, err
	}
	var all []token.Token
	for {
		page, err := s.service.Tokens(s.cmd.Context(), s.actor, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Tokens...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

// parsePast reads a moment that has been: a span before now, a date, which is its
// first moment in UTC, or a time. It is zero if nothing is given.
func parsePast(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if span, err := token.ParseSpan(text); err == nil {
		return time.Now().Add(-span), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() > 0 {
			return at.UTC(), nil
		}
	}
	problem := fmt.Sprintf("%q is not a span such as 90d or 36h, a date such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z", text)
	return time.Time{}, &token.FieldError{Field: flag, Problem: problem}
}

// allPages asks for page after page.
func allPages[T any](get func(admin.Paging) (admin.Page[T], error)) ([]T, error) {
	all := []T{}
	p := admin.Paging{Limit: admin.MaxLimit}
	for {
		page, err := get(p)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if p.After = page.Next; p.After == "" {
			return all, nil
		}
	}
}

func (s *session) records(tokens []token.Token) []admin.Record {
	records := make([]admin.Record, len(tokens))
	for i := range tokens {
		records[i] = s.service.Record(&tokens[i])
	}
	return records
}

func (s *session) printTable(tokens []token.Token) error {
	table := newTable(s.out)
	fmt.Fprintln(table, "NAME\tAPI\tTYPE\tSTATUS\tEXPIRES\tLAST USED\tHINT\tID")
	for i := range tokens {
		t := &tokens[i]
		row := []string{
			printable(t.Name), printable(t.API), printable(string(t.Type)), string(s.service.Record(t).Status),
			momentOr(t.Expiry, "unlimited"), momentOr(t.LastUsed, "never"), orDash(t.Hint), printable(t.ID),
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}
