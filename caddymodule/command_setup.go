package caddymodule

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

func setUpCommand(o *options) *cobra.Command {
	o.makesStore = true
	cmd := &cobra.Command{
		Use:   "set-up [--address <address>]",
		Short: "Prints a new set-up link while there is no owner",
		Long: `Prints a new set-up link, which makes the first owner, once and within an hour.
Links from before end. Where nobody can open links, account create does the same.`,
		Example: `  caddy api-tokens set-up --address https://tokens.example.com`,
		Args:    none,
		RunE:    o.run(setUp),
	}
	cmd.Flags().StringVar(&o.address, "address", "", "Address of the management, which the link begins with")
	return cmd
}

func setUp(s *session, _ []string) error {
	address, err := parseAddress(s.address)
	if err != nil {
		return err
	}
	secret, err := s.service.SetUpLink(s.cmd.Context(), s.actor)
	if errors.Is(err, admin.ErrSetUpDone) {
		return fmt.Errorf("%w; caddy api-tokens account create makes more", err)
	}
	if err != nil {
		return err
	}
	link := address + setUpPath + "#" + secret.Reveal()
	if s.json {
		return s.printJSON(struct {
			Link   string `json:"link"`
			Secret string `json:"secret"`
		}{link, secret.Reveal()})
	}
	if _, err := fmt.Fprintln(s.out, link); err != nil {
		return err
	}
	note := "It makes the first owner, once and within an hour."
	if address == "" {
		note += " Put the address of the management before it."
	}
	_, err = fmt.Fprintln(s.notes, note)
	return err
}

// parseAddress reads what stands before a path.
func parseAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", &token.FieldError{Field: "address", Problem: fmt.Sprintf("%q is not an address such as https://tokens.example.com", text)}
	}
	return u.Scheme + "://" + u.Host, nil
}
