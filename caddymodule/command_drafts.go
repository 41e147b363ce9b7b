package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func draftsCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drafts [flags]",
		Short: "Shows what becomes of an API's tokens with its next update",
		Long: `Shows the drafts of an API whose gate has changes staged: how they differ from
the tokens as they work now, and which requests of the last days would be
answered otherwise.`,
		Example: `  caddy api-tokens drafts --api articles
  caddy api-tokens drafts update --api articles`,
		Args: none,
		RunE: o.run(listDrafts),
	}
	o.draftFlags(cmd)
	addCommands(cmd, "caddy api-tokens drafts shows all drafts", updateDraftsCommand, discardDraftsCommand)
	return cmd
}

func (o *options) draftFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.api, "api", defaultAPI, "API that the tokens belong to")
	cmd.Flags().IntVar(&o.days, "days", admin.DefaultDraftDays, fmt.Sprintf("Tell from the requests of so many days, at most %d", admin.MaxDraftDays))
}

func updateDraftsCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update [--yes]",
		Short: "Puts all drafts of an API in force, or none",
		Args:  none,
		RunE:  o.run(updateDrafts),
	}
	o.draftFlags(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	return cmd
}

func discardDraftsCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "discard [<token>] [--yes]",
		Short: "Drops all drafts of an API, or that of a token",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("write %s [<token>]; there are %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: o.run(discardDrafts),
	}
	o.draftFlags(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	return cmd
}

func (s *session) drafts() (admin.Drafts, error) {
	if s.days == 0 {
		return admin.Drafts{}, &token.FieldError{Field: "days", Problem: fmt.Sprintf("0 is not a number of days from 1 to %d", admin.MaxDraftDays)}
	}
	return s.service.Drafts(s.cmd.Context(), s.actor, s.api, s.days)
}

func listDrafts(s *session, _ []string) error {
	// Drafts that can't be understood are an error beside those that can.
	drafts, unreadable := s.drafts()
	if unreadable != nil && !errors.Is(unreadable, store.ErrUnreadable) {
		return unreadable
	}
	var err error
	switch {
	case s.json:
		err = s.printJSON(drafts)
	case len(drafts.Drafts) == 0 && !drafts.Staged:
		_, err = fmt.Fprintf(s.notes, "API %s has no drafts: what changes holds at once. Write changes staged in its gate for drafts.\n", printable(s.api))
	case len(drafts.Drafts) == 0:
		_, err = fmt.Fprintf(s.notes, "API %s has no drafts.\n", printable(s.api))
	default:
		err = s.printDrafts(s.out, &drafts)
	}
	return errors.Join(err, unreadable)
}

func updateDrafts(s *session, _ []string) error {
	drafts, err := s.drafts()
	if err != nil {
		return err
	}
	if len(drafts.Drafts) > 0 && !s.yes {
		if err := s.printDrafts(s.notes, &drafts); err != nil {
			return err
		}
		if err := s.confirm("updating", "updated", fmt.Sprintf("Put %s of API %s in force?", admin.Count(len(drafts.Drafts), "draft"), printable(s.api))); err != nil {
			return err
		}
	}
	done, err := s.service.UpdateAPI(s.cmd.Context(), s.actor, s.api, drafts.Seen)
	if err != nil {
		return err
	}
	for i := range done.Overreach {
		fmt.Fprintf(s.notes, "Token %s is mightier than the role of %s, and works; caddy api-tokens disable --now stops it.\n", describe(&done.Overreach[i]), printable(done.Overreach[i].Owner))
	}
	return s.reportDrafts("updated", done.Drafts)
}

func discardDrafts(s *session, args []string) error {
	if len(args) == 1 {
		return s.discardDraft(args[0])
	}
	drafts, err := s.drafts()
	if err != nil {
		return err
	}
	if len(drafts.Drafts) > 0 && !s.yes {
		if err := s.confirm("discarding", "discarded", fmt.Sprintf("Drop %s of API %s?", admin.Count(len(drafts.Drafts), "draft"), printable(s.api))); err != nil {
			return err
		}
	}
	n, err := s.service.DiscardAPI(s.cmd.Context(), s.actor, s.api, drafts.Seen)
	if err != nil {
		return err
	}
	return s.reportDrafts("discarded", n)
}

func (s *session) reportDrafts(done string, n int) error {
	if s.json {
		return s.printJSON(map[string]any{"api": s.api, "drafts": n})
	}
	_, err := fmt.Fprintf(s.out, "%s: %s of API %s\n", done, admin.Count(n, "draft"), printable(s.api))
	return err
}

func (s *session) discardDraft(nameOrID string) error {
	id, err := s.findDraft(nameOrID)
	if err != nil {
		return err
	}
	t, err := s.find(id)
	if errors.Is(err, store.ErrNotFound) {
		t = token.Token{ID: id} // perhaps of a draft that can't be understood
	} else if err != nil {
		return err
	}
	if err := s.confirm("discarding", "discarded", fmt.Sprintf("Drop the draft of token %s (%s)?", describe(&t), t.ID)); err != nil {
		return err
	}
	if err := s.service.DiscardDraft(s.cmd.Context(), s.actor, t.ID, 0); err != nil {
		return err
	}
	t.Draft = ""
	return s.report(&t, "draft discarded")
}

// findDraft returns the id of a token that has a draft, by its id or a name. While changes
// were not staged, somebody may have made a token of the name that a draft has.
func (s *session) findDraft(nameOrID string) (id string, err error) {
	if token.IsID(nameOrID) {
		return nameOrID, nil
	}
	drafts, err := s.drafts()
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // which have no names
		return "", err
	}
	var now, then []string // those that have the name, and that will have it
	for i := range drafts.Drafts {
		d := &drafts.Drafts[i]
		if d.Name == nameOrID {
			now = append(now, d.TokenID)
		} else if d.Drafted != nil && d.Drafted.Name == nameOrID {
			then = append(then, d.TokenID)
		}
	}
	if now == nil {
		now = then
	}
	switch len(now) {
	case 0:
		t, err := s.find(nameOrID)
		if err != nil {
			return "", err
		}
		return "", fmt.Errorf("draft of token %s (%s): %w", describe(&t), t.ID, store.ErrNotFound)
	case 1:
		return now[0], nil
	}
	return "", fmt.Errorf("%s have the name %s; say which by its id: %s", admin.Count(len(now), "draft"), printable(nameOrID), strings.Join(now, ", "))
}

// printDrafts writes drafts for people.
func (s *session) printDrafts(w io.Writer, drafts *admin.Drafts) error {
	for i := range drafts.Drafts {
		if err := s.printDraft(w, &drafts.Drafts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) printDraft(w io.Writer, d *admin.DraftRecord) error {
	fmt.Fprintf(w, "%s %q (%s), drafted by %s at %s\n", d.Kind, d.Name, d.TokenID, orDash(d.Author), momentIf(d.Updated, "-"))
	table := newTable(w)
	if d.After != nil {
		printRows(table, draftRows(d.Before, d.After))
	}
	if d.NewSecret != "" {
		ends := "at once"
		if d.Overlap > 0 {
			ends = "after " + (time.Duration(d.Overlap) * time.Second).String()
		}
		fmt.Fprintf(table, "  secrets\tthose of before end %s\n", ends)
	}
	if d.SecretBy != "" {
		fmt.Fprintf(table, "  new secret\tmade by %s\n", printable(d.SecretBy))
	}
	if d.Overreach {
		fmt.Fprintf(table, "  mightier\tthan the role of %s allows to hand out\n", printable(d.Drafted.Owner))
	}
	printRows(table, answerRows(&d.Answers, s.days))
	return table.Flush()
}

// draftRows are the fields that change, from what they are to what they will be.
func draftRows(before, after json.RawMessage) (rows [][2]string) {
	var was, is map[string]any
	if before != nil && json.Unmarshal(before, &was) != nil || json.Unmarshal(after, &is) != nil {
		return nil // the service wrote them
	}
	for _, field := range slices.Sorted(maps.Keys(is)) {
		text := fieldText(is[field])
		if before != nil {
			text = fieldText(was[field]) + " -> " + text
		}
		rows = append(rows, [2]string{"  " + field, text})
	}
	return rows
}

func fieldText(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = fieldText(v[i])
		}
		return orDash(strings.Join(texts, ", "))
	case string:
		return orDash(v)
	}
	return fmt.Sprint(value)
}

// answerRows say which requests would be answered otherwise.
func answerRows(a *admin.Answers, days int) (rows [][2]string) {
	add := func(n uint64, what string) {
		if n > 0 {
			rows = append(rows, [2]string{"", fmt.Sprintf("%d %s", n, what)})
		}
	}
	add(a.Refused, "that were allowed would be refused"+namesOf(a, func(p *admin.PermissionAnswer) uint64 { return p.Refused }))
	add(a.Allowed, "that were refused would be allowed"+namesOf(a, func(p *admin.PermissionAnswer) uint64 { return p.Allowed }))
	add(a.Unsure, "may be answered otherwise"+namesOf(a, func(p *admin.PermissionAnswer) uint64 { return p.Unsure }))
	add(a.OldSecret, "came with a secret that ends; their clients need the new one")
	if len(rows) > 0 {
		rows[0][0] = fmt.Sprintf("  requests of %s", admin.Count(days, "day"))
	}
	return rows
}

// namesOf names the permissions that have any of a count.
func namesOf(a *admin.Answers, count func(*admin.PermissionAnswer) uint64) string {
	var names []string
	for i := range a.Permissions {
		if p := &a.Permissions[i]; count(p) > 0 {
			name := printable(p.Permission)
			if name == "" {
				name = "what no permission names"
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

// noteDraft says that what was done holds later, and how to have it now.
func (s *session) noteDraft(t *token.Token) {
	if t.Draft != "" && !s.json {
		fmt.Fprintf(s.notes, "There is a draft of it, which holds with: caddy api-tokens drafts update --api %s\n", printable(t.API))
	}
}
