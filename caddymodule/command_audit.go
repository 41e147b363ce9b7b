package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// auditFlags are the flags of audit.
type auditFlags struct{ since, until, actor, action, token string }

func auditCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit [flags]",
		Short: "Shows who changed what and who signed in, newest first",
		Long: `Shows who changed what and who signed in, newest first. With --json there is one
JSON value on each line, with what was before and after.`,
		Example: `  caddy api-tokens audit --since 30d --json > audit.jsonl
  caddy api-tokens audit --token ci --action token.regenerate`,
		Args: none,
		RunE: o.run(audit),
	}
	flags, a := cmd.Flags(), &o.audit
	flags.StringVar(&a.since, "since", "", "Only since then: 7d ago, a date such as 2027-01-31 or a time")
	flags.StringVar(&a.until, "until", "", "Only before then")
	flags.StringVar(&a.actor, "actor", "", "Only what this account or system user did")
	flags.StringVar(&a.action, "action", "", "Only this, such as token.create or sign-in.refused")
	flags.StringVar(&a.token, "token", "", "Only what was done to this token; one that was deleted is named by its id")
	flags.StringVar(&o.api, "api", "", "Only about tokens of this API")
	return cmd
}

func audit(s *session, _ []string) error {
	q, err := s.eventQuery()
	if err != nil {
		return err
	}
	if s.json {
		return s.exportEvents(q)
	}
	// Columns fit within so many rows; an export can be longer than memory.
	const together = 1000
	table, rows := newTable(s.out), 0
	fmt.Fprintln(table, "TIME\tACTOR\tVIA\tACTION\tON\tAPI\tCHANGED")
	err = s.service.ExportEvents(s.cmd.Context(), s.actor, q, func(e admin.EventRecord) error {
		row := []string{
			e.Time.Format(time.RFC3339), orDash(e.Actor), printable(e.Via), printable(e.Action),
			orDash(e.Name), orDash(e.API), orDash(changedFields(&e)),
		}
		_, err := fmt.Fprintln(table, strings.Join(row, "\t"))
		if rows++; rows%together == 0 && err == nil {
			err = table.Flush()
		}
		return err
	})
	if err != nil {
		return err
	}
	return table.Flush()
}

// exportEvents writes JSON lines as they come from the store.
func (s *session) exportEvents(q admin.EventQuery) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	return s.service.ExportEvents(s.cmd.Context(), s.actor, q, func(e admin.EventRecord) error { return encoder.Encode(e) })
}

func (s *session) eventQuery() (admin.EventQuery, error) {
	a := &s.audit
	q := admin.EventQuery{Actor: a.actor, Action: a.action, API: s.api}
	if actions := admin.Actions(); a.action != "" && !slices.Contains(actions, a.action) {
		problem := fmt.Sprintf("%q is not an action; there is %s", a.action, strings.Join(actions, ", "))
		return q, &token.FieldError{Field: "action", Problem: problem}
	}
	var err error
	if q.Since, err = parsePast("since", a.since); err != nil {
		return q, err
	}
	if q.Until, err = parsePast("until", a.until); err != nil {
		return q, err
	}
	switch {
	case a.token == "":
	case token.IsID(a.token):
		q.Subject = a.token // which the audit trail knows longer than the store
	default:
		t, err := s.find(a.token)
		if err != nil {
			return q, err
		}
		q.Subject = t.ID
	}
	return q, nil
}

// changedFields names what an event changed of something that was there before.
func changedFields(e *admin.EventRecord) string {
	if isNull(e.Before) || isNull(e.After) {
		return ""
	}
	var after map[string]json.RawMessage
	if json.Unmarshal(e.After, &after) != nil {
		return ""
	}
	names := make([]string, 0, len(after))
	for name := range after {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func isNull(text json.RawMessage) bool { return len(text) == 0 || bytes.Equal(text, []byte("null")) }
