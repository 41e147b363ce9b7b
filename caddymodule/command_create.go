package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

const defaultAPI = "default"

func createCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --name <name> [flags]",
		Short: "Makes a token and prints its secret, alone, on standard output",
		Example: `  caddy api-tokens create --api articles --name ci --type custom \
      --grant article.find --grant 'POST /api/search' --duration 30d
  caddy api-tokens create --name backup | vault kv put secret/backup token=-`,
		Args: none,
		RunE: o.run(create),
	}
	o.newTokenFlags(cmd, "30d")
	return cmd
}

func importCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import --name <name> [flags] < secret",
		Short: "Makes a token for a secret of another system, read from standard input",
		Long: `Makes a token for a secret that another system minted, so that its clients
need not change. The secret is read from standard input or from a file: as an
argument it would show in process lists.`,
		Example: `  caddy api-tokens import --name legacy --secret-file old.key`,
		Args:    none,
		RunE:    o.run(importSecret),
	}
	o.newTokenFlags(cmd, "unlimited")
	cmd.Flags().StringVar(&o.secretFile, "secret-file", "", "File to read the secret from, instead of standard input")
	addCommands(cmd, "", importStrapiCommand, importCSVCommand, importJSONLCommand)
	return cmd
}

func (o *options) newTokenFlags(cmd *cobra.Command, duration string) {
	o.makesStore = true
	cmd.Flags().StringVar(&o.api, "api", defaultAPI, "API that the token belongs to")
	o.fieldFlags(cmd, duration)
}

// fieldFlags declares the fields that create and update have in common.
func (o *options) fieldFlags(cmd *cobra.Command, duration string) {
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "Name, unique within the API")
	flags.StringVar(&o.description, "description", "", "What the token is for, at most 200 characters")
	flags.StringVar(&o.kind, "type", "", "read-only, full-access or custom (default read-only, or custom with --grant)")
	flags.StringArrayVar(&o.grants, "grant", nil, "What a custom token may do: article.find, article.* or 'GET /api/articles/{id}'; may be repeated")
	flags.StringVar(&o.duration, "duration", duration, "How long it works: 7d, 36h, unlimited or a date such as 2027-01-31")
	flags.StringVar(&o.owner, "owner", "", "Who answers for it (default the system user)")
}

func (s *session) newToken() (admin.NewToken, error) {
	o := s.options
	d := admin.NewToken{
		API: o.api, Name: o.name, Description: o.description, Type: typeOr(o.kind, o.grants),
		Duration: o.duration, Grants: o.grants, Owner: o.owner,
	}
	switch {
	case s.cmd.Flags().Changed("owner"):
	case d.API == admin.ManagementAPI: // a system user is no account, so the token could do nothing
		return d, &token.FieldError{Field: "owner", Problem: "a token of API " + d.API + " acts for an account; name that"}
	default:
		d.Owner = systemUser()
	}
	return d, nil
}

// systemUser returns who runs the command, or nothing where the system can't tell.
func systemUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

func create(s *session, _ []string) error {
	d, err := s.newToken()
	if err != nil {
		return err
	}
	t, secret, err := s.service.Create(s.cmd.Context(), s.actor, d)
	if err != nil {
		return err
	}
	return s.handOver(&t, secret, "It is shown only this once. "+ends(&t)+s.belongs(&t))
}

// belongs says that the token is that of an account of whom nobody spoke, because the
// system user happens to have its name.
func (s *session) belongs(t *token.Token) string {
	if s.cmd.Flags().Changed("owner") {
		return ""
	}
	if _, err := s.service.Account(s.cmd.Context(), s.actor, t.Owner); err != nil {
		return ""
	}
	return fmt.Sprintf(" It belongs to the account %s, which may regenerate it; --owner names another.", printable(t.Owner))
}

// ends says until when a token works, since that may come from a default.
func ends(t *token.Token) string {
	if t.Expiry.IsZero() {
		return "The token never expires."
	}
	return "The token expires at " + moment(t.Expiry) + "."
}

func importSecret(s *session, _ []string) error {
	text, err := s.readSecret("secret", s.secretFile)
	if err != nil {
		return err
	}
	d, err := s.newToken()
	if err != nil {
		return err
	}
	t, err := s.service.Import(s.cmd.Context(), s.actor, d, text)
	if err != nil {
		return err
	}
	return s.report(&t, "imported")
}

// handOver prints the secret, alone on standard output so that it can be piped,
// and what belongs to it on standard error.
func (s *session) handOver(t *token.Token, secret token.Secret, note string) error {
	// Into a pipe that nobody reads any more, the write fails; by itself it would end the program
	// before a word about the token could be said.
	signal.Ignore(syscall.SIGPIPE)
	var err error
	if s.json {
		err = s.printJSON(struct {
			Token  admin.Record `json:"token"`
			Secret string       `json:"secret"`
		}{s.service.Record(t), secret.Reveal()})
	} else {
		_, err = fmt.Fprintln(s.out, secret.Reveal())
	}
	if err != nil {
		return fmt.Errorf("token %s has a new secret, but it could not be printed; regenerate it: %w", t.ID, err)
	}
	if !s.json {
		fmt.Fprintf(s.notes, "Secret %s of token %s (%s). %s\n", t.Hint, describe(t), t.ID, note)
		s.noteDraft(t)
	}
	return nil
}

// readSecret reads the one line of a file or, without one, of standard input.
// what is the secret to those who are asked for it.
func (s *session) readSecret(what, file string) (string, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return readLine(what, f)
	}
	if fd, ok := terminal(s.in); ok {
		return s.askSecret(what, fd)
	}
	return readLine(what, s.in)
}

// readLine returns the one line that r has, without its end. A second line
// would be lost without a word, so it is an error.
func readLine(what string, r io.Reader) (string, error) {
	const most = token.MaxForeignSecret + 2 // a longer one is refused anyway
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(r), most+1))
	if err != nil {
		return "", fmt.Errorf("reading the %s: %w", what, err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if strings.Contains(line, "\n") {
		return "", fmt.Errorf("%s: there is more than one line; give one %[1]s", what)
	}
	return line, nil
}

// askSecret reads the secret from a terminal without showing it.
func (s *session) askSecret(what string, fd int) (string, error) {
	if state, err := term.GetState(fd); err == nil {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		defer signal.Stop(interrupted)
		go func() {
			<-interrupted
			_ = term.Restore(fd, state) // else the shell would stay without echo
			os.Exit(caddy.ExitCodeFailedStartup)
		}()
	}
	fmt.Fprintf(s.notes, "%s%s: ", strings.ToUpper(what[:1]), what[1:])
	text, err := term.ReadPassword(fd)
	fmt.Fprintln(s.notes)
	if err != nil {
		return "", fmt.Errorf("reading the %s: %w", what, err)
	}
	return string(text), nil
}

// terminal returns the file descriptor of r if it is a terminal.
func terminal(r io.Reader) (int, bool) {
	f, ok := r.(*os.File)
	if !ok {
		return 0, false
	}
	fd := int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// typeOr returns the type that is given, or the usual one: custom for a token with grants.
func typeOr(given string, grants []string) token.Type {
	switch {
	case given != "":
		return token.Type(given)
	case len(grants) > 0:
		return token.Custom
	}
	return token.ReadOnly
}
