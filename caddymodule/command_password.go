package caddymodule

import (
	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/token"
)

// passwordFlags declares where a password comes from. As an argument it would
// show in process lists.
func (o *options) passwordFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.account.passwordStdin, "password-stdin", false, "Read a password from standard input, or ask for it on a terminal")
	cmd.Flags().StringVar(&o.account.passwordFile, "password-file", "", "File to read a password from")
	cmd.MarkFlagsMutuallyExclusive("password-stdin", "password-file")
}

// password reads the password that a flag says where to find. given says whether one does.
func (s *session) password() (password string, given bool, err error) {
	if !s.account.passwordStdin && s.account.passwordFile == "" {
		return "", false, nil
	}
	password, err = s.readSecret("password", s.account.passwordFile)
	if err == nil && password == "" {
		err = &token.FieldError{Field: "password", Problem: "is empty; an account without a password needs no such flag"}
	}
	return password, true, err
}
