package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func updateCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update <token> [flags]",
		Short: "Changes what the flags name and leaves the rest",
		Long: `Changes what the flags name and leaves the rest. --grant replaces all grants;
--duration counts from now.`,
		Example: `  caddy api-tokens update ci --duration unlimited --description 'nightly build'
  caddy api-tokens update ci --type custom --grant article.find --grant article.create`,
		Args: exactly(1, "<token>"),
		RunE: o.run(update),
	}
	o.tokenFlag(cmd)
	o.fieldFlags(cmd, "")
	// The defaults of create don't hold here: what is not named stays.
	cmd.Flags().Lookup("type").Usage = "read-only, full-access or custom"
	cmd.Flags().Lookup("owner").Usage = "Who answers for it"
	return cmd
}

func enableCommand(o *options) *cobra.Command {
	return o.switchCommand("enable", "Lets a disabled token work again", switchTo(true, "enabled"))
}

func disableCommand(o *options) *cobra.Command {
	cmd := o.switchCommand("disable", "Stops a token until it is enabled again", disable)
	cmd.Flags().BoolVar(&o.now, "now", false, "At once, also if changes of its API are staged")
	return cmd
}

func (o *options) switchCommand(name, short string, do func(*session, []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: name + " <token>", Short: short, Args: exactly(1, "<token>"), RunE: o.run(do)}
	o.tokenFlag(cmd)
	return cmd
}

func regenerateCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "regenerate <token> [--overlap <span>]",
		Short: "Gives a token a new secret and prints it, alone, on standard output",
		Long: `Gives a token a new secret and prints it, alone, on standard output. The old
one stops at once, or after the overlap, so that clients can be moved first.`,
		Args: exactly(1, "<token>"),
		RunE: o.run(regenerate),
	}
	o.tokenFlag(cmd)
	cmd.Flags().StringVar(&o.overlap, "overlap", "", "How long the old secret works on, such as 24h or 7d")
	return cmd
}

func deleteCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete <token> [--yes]",
		Short: "Removes a token for good",
		Args:  exactly(1, "<token>"),
		RunE:  o.run(remove),
	}
	o.tokenFlag(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	return cmd
}

// tokenFlag declares what helps to find a token by name.
func (o *options) tokenFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.api, "api", "", "API of the token, if several have one of that name")
}

func (s *session) find(nameOrID string) (token.Token, error) {
	return s.service.Find(s.cmd.Context(), s.actor, s.api, nameOrID)
}

func update(s *session, args []string) error {
	e := s.edit()
	if e == (admin.Edit{}) {
		return errors.New("nothing to change; use --name, --description, --duration, --type, --grant or --owner")
	}
	t, err := s.find(args[0])
	if err != nil {
		return err
	}
	change, err := s.service.Update(s.cmd.Context(), s.actor, t.ID, e)
	if err != nil {
		return err
	}
	switch {
	case change.Overreach && change.Token.Draft != "":
		fmt.Fprintf(s.notes, "It will be mightier than the role of %s.\n", printable(change.Token.Owner))
	case change.Overreach:
		fmt.Fprintf(s.notes, "It is mightier than the role of %s, and goes on working; caddy api-tokens disable stops it.\n", printable(change.Token.Owner))
	}
	return s.report(&change.Token, "updated")
}

// edit returns the fields whose flags were given, be it with an empty value.
func (s *session) edit() admin.Edit {
	return admin.Edit{
		Name:        given(s.cmd, "name", &s.name),
		Description: given(s.cmd, "description", &s.description),
		Type:        given(s.cmd, "type", (*token.Type)(&s.kind)),
		Duration:    given(s.cmd, "duration", &s.duration),
		Grants:      given(s.cmd, "grant", &s.grants),
		Owner:       given(s.cmd, "owner", &s.owner),
	}
}

func given[T any](cmd *cobra.Command, flag string, value *T) *T {
	if cmd.Flags().Changed(flag) {
		return value
	}
	return nil
}

func switchTo(enabled bool, done string) func(*session, []string) error {
	return func(s *session, args []string) error {
		t, err := s.find(args[0])
		if err != nil {
			return err
		}
		if t, err = s.service.SetEnabled(s.cmd.Context(), s.actor, t.ID, 0, enabled); err != nil {
			return err
		}
		return s.report(&t, done)
	}
}

// disabledNow is done at once, whatever is drafted of the token.
const disabledNow = "disabled now"

func disable(s *session, args []string) error {
	if !s.now {
		return switchTo(false, "disabled")(s, args)
	}
	t, err := s.find(args[0])
	if err != nil {
		return err
	}
	if t, err = s.service.DisableNow(s.cmd.Context(), s.actor, t.ID, 0); err != nil {
		return err
	}
	return s.report(&t, disabledNow)
}

func regenerate(s *session, args []string) error {
	overlap, err := s.readOverlap()
	if err != nil {
		return err
	}
	t, err := s.find(args[0])
	if err != nil {
		return err
	}
	t, secret, err := s.service.Regenerate(s.cmd.Context(), s.actor, t.ID, 0, overlap)
	if err != nil {
		return err
	}
	stopped := stoppedBy(&t, time.Now())
	note := "The old one no longer works."
	switch {
	case t.Draft == token.DraftCreate:
		note = "It works once the draft holds; the one that was drafted before never will."
	case t.Draft != "":
		note = "Until the draft holds, the old one works, and this one does not."
	case stopped != "" && overlap > 0:
		note = fmt.Sprintf("The old one ends at %s.", moment(t.Updated.Add(overlap)))
	case overlap > 0:
		note = fmt.Sprintf("The old one works until %s.", moment(endOf(&t, t.Updated.Add(overlap))))
	}
	return s.handOver(&t, secret, "It is shown only this once. "+note+stopped)
}

// stoppedBy says why no secret of the token works, and what helps; empty if that is not so.
func stoppedBy(t *token.Token, now time.Time) (text string) {
	if !t.Enabled {
		text += fmt.Sprintf(" The token is disabled; it works again with: caddy api-tokens enable %s", t.ID)
	}
	if !t.Expiry.IsZero() && !now.Before(t.Expiry) {
		text += fmt.Sprintf(" The token expired at %s; it works again with a later end: caddy api-tokens update %s --duration 30d", moment(t.Expiry), t.ID)
	}
	return text
}

// endOf returns when a secret that has an end of its own stops working: with the token at the latest.
func endOf(t *token.Token, end time.Time) time.Time {
	if !t.Expiry.IsZero() && t.Expiry.Before(end) {
		return t.Expiry
	}
	return end
}

func (o *options) readOverlap() (time.Duration, error) {
	if o.overlap == "" || o.overlap == "0" {
		return 0, nil
	}
	span, err := token.ParseSpan(o.overlap)
	if invalid, ok := errors.AsType[*token.FieldError](err); ok {
		return 0, &token.FieldError{Field: "overlap", Problem: invalid.Problem}
	}
	return span, err
}

func remove(s *session, args []string) error {
	t, err := s.find(args[0])
	if errors.Is(err, store.ErrUnreadable) && token.IsID(args[0]) {
		t = token.Token{ID: args[0]} // can't be shown, but removed
	} else if err != nil {
		return err
	}
	if err := s.confirm("deleting", "deleted", fmt.Sprintf("Delete token %s (%s) for good?", describe(&t), t.ID)); err != nil {
		return err
	}
	if t, err = s.service.Delete(s.cmd.Context(), s.actor, t.ID, 0); err != nil {
		return err
	}
	return s.report(&t, "deleted")
}

// confirm asks on a terminal before doing something. Scripts have to say --yes: nobody is
// there to ask.
func (s *session) confirm(doing, done, question string) error {
	if s.yes {
		return nil
	}
	if _, ok := terminal(s.in); !ok {
		return errors.New(doing + " needs a confirmation; add --yes where there is no terminal")
	}
	fmt.Fprintf(s.notes, "%s Type yes: ", question)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return errors.New("not " + done)
	}
	return nil
}
