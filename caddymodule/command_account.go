package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// accountFlags are the flags of the commands about accounts.
type accountFlags struct {
	role, subject string
	passwordStdin bool
	passwordFile  string
	noPassword    bool

	enable, disable bool

	handOverTo   string
	deleteTokens bool
}

func createAccountCommand(o *options) *cobra.Command {
	o.makesStore = true
	cmd := &cobra.Command{
		Use:   "create <name> --role <role> [flags]",
		Short: "Makes an account",
		Long: `Makes an account for somebody who manages tokens. The password is read from
standard input or from a file: as an argument it would show in process lists. An
account without one is for the first who comes by single sign-on under its name.`,
		Example: `  caddy api-tokens account create ann --role owner --password-stdin
  caddy api-tokens account create ci-bot --role member`,
		Args: exactly(1, "<name>"),
		RunE: o.run(createAccount),
	}
	cmd.Flags().StringVar(&o.account.role, "role", "", "owner, manager, member, auditor or a role of your own")
	cmd.Flags().StringVar(&o.account.subject, "subject", "", "What single sign-on calls the account, if that is not its name")
	o.passwordFlags(cmd)
	return cmd
}

func listAccountsCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Lists accounts", Args: none, RunE: o.run(listAccounts)}
}

func showAccountCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "show <name>", Short: "Shows all about an account", Args: exactly(1, "<name>"), RunE: o.run(showAccount)}
}

func updateAccountCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update <name> [flags]",
		Short: "Changes what the flags name and leaves the rest",
		Long: `Changes what the flags name and leaves the rest. Another role, password or
subject, and disabling, ends the sessions of the account. Tokens of the account
that are mightier than its new role are listed.`,
		Example: `  caddy api-tokens account update ann --role auditor --dry-run
  caddy api-tokens account update ann --password-stdin < new-password`,
		Args: exactly(1, "<name>"),
		RunE: o.run(updateAccount),
	}
	flags, a := cmd.Flags(), &o.account
	flags.StringVar(&a.role, "role", "", "Another role")
	flags.StringVar(&a.subject, "subject", "", "What single sign-on calls the account; empty for nobody")
	o.passwordFlags(cmd)
	flags.BoolVar(&a.noPassword, "no-password", false, "Remove the password")
	flags.BoolVar(&a.enable, "enable", false, "Let a disabled account work again")
	flags.BoolVar(&a.disable, "disable", false, "Stop the account, and its tokens of API "+admin.ManagementAPI)
	o.overreachFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("enable", "disable")
	cmd.MarkFlagsMutuallyExclusive("no-password", "password-stdin", "password-file")
	return cmd
}

// overreachFlags declares what a change of rights has in common.
func (o *options) overreachFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Change nothing; only list the tokens that would be mightier than the role")
	cmd.Flags().BoolVar(&o.disableTokens, "disable-tokens", false, "Disable the tokens that are mightier than the role then")
}

func deleteAccountCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete <name> [--hand-over-to <name>|--delete-tokens] [--yes]",
		Short: "Removes an account for good",
		Long: `Removes an account for good. If it has tokens, say what becomes of them. Those of
API ` + admin.ManagementAPI + ` are deleted in any case: they act for the account.`,
		Args: exactly(1, "<name>"),
		RunE: o.run(deleteAccount),
	}
	cmd.Flags().StringVar(&o.account.handOverTo, "hand-over-to", "", "Account that gets its tokens")
	cmd.Flags().BoolVar(&o.account.deleteTokens, "delete-tokens", false, "Delete its tokens")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	return cmd
}

func createAccount(s *session, args []string) error {
	password, given, err := s.password()
	if err != nil {
		return err
	}
	d := admin.NewAccount{Name: args[0], Role: s.account.role, Subject: s.account.subject, Password: password}
	account, inherited, err := s.service.CreateAccount(s.cmd.Context(), s.actor, d)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(struct {
			Account   admin.AccountRecord `json:"account"`
			Inherited int                 `json:"inherited_tokens"`
		}{account, inherited})
	}
	if _, err = fmt.Fprintf(s.out, "created: account %s with the role %s\n", printable(account.Name), printable(account.Role)); err != nil {
		return err
	}
	if inherited > 0 {
		fmt.Fprintf(s.notes, "It owns what had this name as owner already: %s.\n", admin.Count(inherited, "token"))
	}
	if !given {
		fmt.Fprintf(s.notes, "It has no password. %s\n", howToSignIn(&account))
	}
	return nil
}

// howToSignIn is for accounts without a password.
func howToSignIn(a *admin.AccountRecord) string {
	who := "Whoever comes first by single sign-on under this name gets it"
	if a.Subject != "" {
		who = fmt.Sprintf("Who is %s to single sign-on has it", printable(a.Subject))
	}
	return fmt.Sprintf("%s; for a password use caddy api-tokens account update %s --password-stdin.", who, printable(a.Name))
}

func listAccounts(s *session, _ []string) error {
	accounts, err := allPages(func(p admin.Paging) (admin.Page[admin.AccountRecord], error) {
		return s.service.Accounts(s.cmd.Context(), s.actor, p)
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(accounts)
	}
	table := newTable(s.out)
	fmt.Fprintln(table, "NAME\tROLE\tSTATUS\tSIGNS IN BY\tSIGNED IN")
	for i := range accounts {
		a := &accounts[i]
		row := []string{printable(a.Name), printable(a.Role), accountStatus(a), signsInBy(a), momentIf(a.SignedIn, "never")}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func accountStatus(a *admin.AccountRecord) string {
	if a.Enabled {
		return "enabled"
	}
	return "disabled"
}

func signsInBy(a *admin.AccountRecord) string {
	switch {
	case a.HasPassword && a.Subject != "":
		return "password, single sign-on"
	case a.HasPassword:
		return "password"
	case a.Subject != "":
		return "single sign-on"
	default:
		return "first single sign-on of this name"
	}
}

func showAccount(s *session, args []string) error {
	a, err := s.service.Account(s.cmd.Context(), s.actor, args[0])
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(a)
	}
	return s.printRecord([][2]string{
		{"name", printable(a.Name)},
		{"id", printable(a.ID)},
		{"role", printable(a.Role)},
		{"status", accountStatus(&a)},
		{"signs in by", signsInBy(&a)},
		{"subject", orDash(a.Subject)},
		{"created", momentIf(a.Created, "-")},
		{"updated", momentIf(a.Updated, "-")},
		{"signed in", momentIf(a.SignedIn, "never")},
	})
}

func updateAccount(s *session, args []string) error {
	e, err := s.accountEdit()
	if err != nil {
		return err
	}
	change, err := s.service.UpdateAccount(s.cmd.Context(), s.actor, args[0], e)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(struct {
			Account   admin.AccountRecord `json:"account"`
			Overreach []admin.Record      `json:"overreach"`
		}{change.Account, s.records(change.Overreach.Tokens)})
	}
	return s.reportRights("account "+printable(change.Account.Name), change.Overreach.Tokens)
}

// accountEdit returns what the flags say that shall change.
func (s *session) accountEdit() (admin.AccountEdit, error) {
	a := &s.account
	e := admin.AccountEdit{
		Role: given(s.cmd, "role", &a.role), Subject: given(s.cmd, "subject", &a.subject),
		Disable: s.disableTokens, DryRun: s.dryRun,
	}
	if a.enable || a.disable {
		e.Enabled = &a.enable
	}
	password, given, err := s.password()
	if given || a.noPassword {
		e.Password = &password
	}
	if err == nil && e == (admin.AccountEdit{Disable: e.Disable, DryRun: e.DryRun}) {
		err = errors.New("nothing to change; use --role, --password-stdin, --password-file, --no-password, --subject, --enable or --disable")
	}
	return e, err
}

func deleteAccount(s *session, args []string) error {
	a, err := s.service.Account(s.cmd.Context(), s.actor, args[0])
	if err != nil {
		return err
	}
	if err := s.confirm("deleting", "deleted", fmt.Sprintf("Delete account %s for good?", printable(a.Name))); err != nil {
		return err
	}
	plan := admin.TokenPlan{HandTo: s.account.handOverTo, Delete: s.account.deleteTokens}
	done, err := s.service.DeleteAccount(s.cmd.Context(), s.actor, args[0], 0, plan)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(struct {
			Account    admin.AccountRecord `json:"account"`
			HandedOver int                 `json:"handed_over"`
			Deleted    int                 `json:"deleted"`
			Overreach  []admin.Record      `json:"overreach"`
		}{done.Account, done.HandedOver, done.Deleted, s.records(done.Overreach)})
	}
	_, err = fmt.Fprintf(s.out, "deleted: account %s; handed over: %s, deleted: %s\n",
		printable(done.Account.Name), admin.Count(done.HandedOver, "token"), admin.Count(done.Deleted, "token"))
	if err != nil || len(done.Overreach) == 0 {
		return err
	}
	fmt.Fprintf(s.notes, "%s mightier than the role of %s. What is listed goes on working; caddy api-tokens disable stops a token.\n", areTokens(len(done.Overreach)), printable(done.Overreach[0].Owner))
	return s.printTable(done.Overreach)
}

// reportRights says what a change of rights came to, and which tokens are
// mightier now than whoever owns them.
func (s *session) reportRights(what string, over []token.Token) error {
	done, mightier := "updated", areTokens(len(over))
	if s.dryRun {
		done, mightier = "not changed", admin.Count(len(over), "token")+" would be"
	}
	if _, err := fmt.Fprintf(s.out, "%s: %s\n", done, what); err != nil || len(over) == 0 {
		return err
	}
	note := "What is listed goes on working; --disable-tokens disables it."
	if s.disableTokens && !s.dryRun {
		note = "What is listed is disabled now."
	}
	if slices.ContainsFunc(over, func(t token.Token) bool { return t.Draft != "" }) {
		note += " Drafts are listed with the tokens, and are disabled with them."
	}
	fmt.Fprintf(s.notes, "%s mightier than the role. %s\n", mightier, note)
	return s.printTable(over)
}

// areTokens begins a sentence about so many tokens.
func areTokens(n int) string {
	if n == 1 {
		return "1 token is"
	}
	return admin.Count(n, "token") + " are"
}
