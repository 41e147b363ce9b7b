package caddymodule

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "api-tokens",
		Usage: "<command>",
		Short: "Manages the API tokens of the gateway",
		Long: `
Manages the API tokens that the api_tokens directive lets through, and who may
manage them over the REST API.

The store is the one of the configuration: --config names it, else a Caddyfile
in the current folder counts, else the default store in Caddy's data folder.
A running gateway sees a change within a second.

A token is named by its id or its name. Secrets are printed on standard output
alone, once; everything else about them goes to standard error.

A refused or failed command ends with code 1 and one line on standard error.`,
		CobraFunc: addTokenCommands,
	})
}

// options has the flags of all commands. Each command declares those it reads,
// on a value of its own, since defaults differ.
type options struct {
	config, adapter string
	json            bool

	api, name, description, kind, duration, owner string
	grants                                        []string

	status, search, sort, unusedSince string
	reverse                           bool

	takeOver   takeOverFlags
	overlap    string
	now        bool // of disable
	days       int  // of drafts
	secretFile string
	yes        bool

	account               accountFlags
	role                  roleFlags
	dryRun, disableTokens bool // of both
	audit                 auditFlags
	address               string

	statusOnly bool
	store      string
	from, to   string

	makesStore bool   // the command makes a store where there is none
	lists      string // what lists things of the kind that the command names; empty is tokens
}

// session is one run of a command: its flags, the service and where to talk to.
type session struct {
	*options
	cmd     *cobra.Command
	config  gatewayConfig
	service *admin.Service
	actor   admin.Actor
	in      io.Reader
	out     io.Writer // data, such as a secret alone
	notes   io.Writer // words for people
}

func addTokenCommands(parent *cobra.Command) {
	takeCommands(parent, "api-tokens")
	parent.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return oneLine(err) })
	addCommands(parent, "",
		createCommand, importCommand, listCommand, showCommand, updateCommand,
		enableCommand, disableCommand, regenerateCommand, deleteCommand, explainCommand, draftsCommand,
		auditCommand, setUpCommand, migrateCommand, copyCommand)
	addGroup(parent, "account", "Manages the accounts of those who manage tokens",
		createAccountCommand, listAccountsCommand, showAccountCommand, updateAccountCommand, deleteAccountCommand)
	addGroup(parent, "role", "Manages what accounts may do",
		createRoleCommand, listRolesCommand, showRoleCommand, updateRoleCommand, deleteRoleCommand)
}

// addGroup adds a command that has commands of its own.
func addGroup(parent *cobra.Command, name, short string, commands ...func(*options) *cobra.Command) {
	group := &cobra.Command{Use: name + " <command>", Short: short}
	takeCommands(group, "api-tokens "+name)
	addCommands(group, "caddy api-tokens "+name+" list shows all "+name+"s", commands...)
	parent.AddCommand(group)
}

func addCommands(parent *cobra.Command, lists string, commands ...func(*options) *cobra.Command) {
	for _, command := range commands {
		o := &options{lists: lists}
		cmd := command(o)
		if cmd.Name() != copyName { // which names both of its stores
			cmd.Flags().StringVarP(&o.config, "config", "c", "", "Caddy configuration that names the store")
			cmd.Flags().StringVarP(&o.adapter, "adapter", "a", "", "Name of the config adapter to apply")
		}
		cmd.Flags().BoolVar(&o.json, "json", false, "Print JSON, for scripts")
		parent.AddCommand(cmd)
	}
}

// takeCommands makes a command refuse what is none of its own commands. It is
// runnable, so that its arguments are looked at; else a typing error would show
// the help and succeed.
func takeCommands(cmd *cobra.Command, path string) {
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return oneLine(fmt.Errorf("%q is not a command; caddy %s --help lists them", args[0], path))
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// run makes what a cobra command runs out of what it does in a session.
func (o *options) run(do func(s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return oneLine(o.advise(o.inSession(cmd, func(s *session) error { return do(s, args) })))
	}
}

// flagOf are the flags of fields that the service calls otherwise.
var flagOf = map[string]string{"hand_to": "hand-over-to", "ceiling.apis": "api", "ceiling.types": "type", "ceiling.grants": "grant"}

// advise adds to an error what to do about it on the command line.
func (o *options) advise(err error) error {
	if fields, ok := errors.AsType[admin.FieldErrors](err); ok {
		for _, f := range fields {
			f.Field = cmp.Or(flagOf[f.Field], f.Field)
		}
	}
	plan, _ := errors.AsType[*admin.PlanError](err)
	switch {
	case plan != nil:
		return fmt.Errorf("account %s has %s; add --hand-over-to <name> or --delete-tokens", plan.Account, admin.Count(plan.Tokens, "token"))
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w; %s", err, cmp.Or(o.lists, "caddy api-tokens list shows all tokens"))
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%w; somebody else changed it just now, try again", err)
	}
	return err
}

func (o *options) inSession(cmd *cobra.Command, do func(s *session) error) (err error) {
	config, err := readConfig(o.config, o.adapter)
	if err != nil {
		return err
	}
	opened, made, err := o.openStore(cmd.Context(), config.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	err = do(&session{
		options: o, cmd: cmd, config: config,
		service: admin.New(opened, time.Now, rand.Reader, config.known...).WithPasswords(argon2id{}),
		actor:   admin.Operator(systemUser()),
		in:      cmd.InOrStdin(), out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(),
	})
	if unmade, ok := opened.(*unmadeStore); err == nil && ok && unmade.made {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "There was no token store yet; it is now %s.\n", made)
	}
	return err
}

// lineError is an error whose text is one line without control characters, so
// that nothing stored or typed reaches a terminal as more than text.
type lineError struct{ err error }

func (e *lineError) Error() string {
	return escapeControl(strings.ReplaceAll(admin.Told(e.err.Error()), "\n", "; "))
}

func (e *lineError) Unwrap() error { return e.err }

func oneLine(err error) error {
	if err == nil {
		return nil
	}
	return &lineError{err}
}

// exactly returns a check of the arguments that says how the command is written.
func exactly(n int, form string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch more := len(args) - n; {
		case more < 0:
			return fmt.Errorf("write %s %s; what is missing: %s", cmd.CommandPath(), form, strings.Join(strings.Fields(form)[len(args):], " "))
		case more > 0:
			return fmt.Errorf("write %s %s; %s too many", cmd.CommandPath(), form, admin.Count(more, "argument"))
		}
		return nil
	}
}

// none refuses arguments, such as a name without its flag. It does not repeat
// them: one may be a secret that belongs on the standard input of import.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes only flags, and no other words; --help lists them", cmd.CommandPath())
	}
	return nil
}
