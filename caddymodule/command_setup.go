package caddymodule

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
)

func setUpCommand(o *options) *cobra.Command {
	o.makesStore = true
	return &cobra.Command{
		Use:   "set-up",
		Short: "Prints a new set-up secret while there is no account",
		Long: `Prints the secret of a new set-up link, which makes the first account, once and
within an hour. Links from before end. Where there is an account already, and
where nobody opens links, account create does the same.`,
		Args: none,
		RunE: o.run(setUp),
	}
}

func setUp(s *session, _ []string) error {
	secret, err := s.service.SetUpLink(s.cmd.Context())
	if errors.Is(err, admin.ErrSetUpDone) {
		return fmt.Errorf("%w; caddy api-tokens account create makes more", err)
	}
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(struct {
			Secret string `json:"secret"`
		}{secret.Reveal()})
	}
	if _, err := fmt.Fprintln(s.out, secret.Reveal()); err != nil {
		return err
	}
	fmt.Fprintf(s.notes, "It makes the first account, once and within an hour.\n")
	return nil
}
