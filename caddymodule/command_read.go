package caddymodule

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
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
	return cmd
}

func showCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show <token>",
		Short: "Shows all about a token but its secret",
		Args:  exactly(1, "<token>"),
		RunE:  o.run(show),
	}
	o.tokenFlag(cmd)
	return cmd
}

func list(s *session, _ []string) error {
	filter, err := s.filter()
	if err != nil {
		return err
	}
	// Records that can't be read are an error beside those that can.
	tokens, unreadable := s.service.List(s.cmd.Context(), filter)
	if unreadable != nil && len(tokens) == 0 {
		return unreadable
	}
	if err := s.printList(tokens); err != nil {
		return err
	}
	return unreadable
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

func (s *session) printList(tokens []token.Token) error {
	records := make([]admin.Record, len(tokens))
	for i := range tokens {
		records[i] = s.service.Record(&tokens[i])
	}
	if s.json {
		return s.printJSON(records)
	}
	table := newTable(s.out)
	fmt.Fprintln(table, "NAME\tAPI\tTYPE\tSTATUS\tEXPIRES\tLAST USED\tHINT\tID")
	for i := range tokens {
		t := &tokens[i]
		row := []string{
			printable(t.Name), printable(t.API), printable(string(t.Type)), string(records[i].Status),
			momentOr(t.Expiry, "unlimited"), momentOr(t.LastUsed, "never"), orDash(t.Hint), printable(t.ID),
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// usageDays is how far back show counts requests.
const usageDays = 30

// shown is what show prints for scripts.
type shown struct {
	admin.Record
	GoneGrants []string   `json:"gone_grants"`
	Usage      []dayUsage `json:"usage"`
}

type dayUsage struct {
	Day     string `json:"day"`
	Allowed uint64 `json:"allowed"`
	Refused uint64 `json:"refused"`
}

func show(s *session, args []string) error {
	t, err := s.find(args[0])
	if err != nil {
		return err
	}
	gone, err := s.service.Gone(s.cmd.Context(), &t)
	if err != nil {
		return err
	}
	uses, err := s.service.Usage(s.cmd.Context(), t.ID, time.Now().UTC().AddDate(0, 0, -usageDays).Truncate(24*time.Hour))
	if err != nil {
		return err
	}
	if !s.json {
		return s.printToken(&t, gone, uses)
	}
	v := shown{Record: s.service.Record(&t), GoneGrants: append([]string{}, gone...), Usage: []dayUsage{}}
	for _, u := range uses {
		v.Usage = append(v.Usage, dayUsage{u.Day.Format(time.DateOnly), u.Allowed, u.Refused})
	}
	return s.printJSON(v)
}

func (s *session) printToken(t *token.Token, gone []string, uses []token.Use) error {
	table := newTable(s.out)
	for _, row := range [][2]string{
		{"name", printable(t.Name)},
		{"api", printable(t.API)},
		{"id", printable(t.ID)},
		{"description", orDash(t.Description)},
		{"type", printable(string(t.Type))},
		{"status", string(s.service.Record(t).Status)},
		{"owner", orDash(t.Owner)},
		{"hint", orDash(t.Hint)},
		{"expires", momentOr(t.Expiry, "unlimited")},
		{"created", momentOr(t.Created, "-")},
		{"updated", momentOr(t.Updated, "-")},
		{"last used", momentOr(t.LastUsed, "never")},
		{"requests", countUses(uses)},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	label := "grants"
	for _, grant := range t.Grants {
		note := ""
		if slices.Contains(gone, grant) {
			note = "  (gone: the API has no such permission, it matches nothing)"
		}
		fmt.Fprintf(table, "%s\t%s%s\n", label, printable(grant), note)
		label = ""
	}
	return table.Flush()
}

func countUses(uses []token.Use) string {
	var allowed, refused uint64
	for _, u := range uses {
		allowed += u.Allowed
		refused += u.Refused
	}
	return fmt.Sprintf("%d allowed, %d refused in the last %d days", allowed, refused, usageDays)
}
