package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // for --time-zone, where the system has no zones

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/internal/strapi"
	"github.com/tokenreeve/tokenreeve/token"
)

// takeOverFlags are those of commands that import many tokens.
type takeOverFlags struct {
	apply                bool
	dsn, dsnEnv, saltEnv string
	timeZone             string
	resources            []string

	skip, rename, again []string
}

func importStrapiCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "strapi [flags]",
		Short: "Takes the API tokens of a Strapi installation over; their clients need not change",
		Long: `Takes over the API tokens of a Strapi installation, version 4 or 5, from its
SQLite or Postgres database, which it only reads. Names, descriptions, types,
expiry and rights stay, and so do the secrets: Strapi's hashes are kept, and a
gate with dialect strapi and salt knows them.

Without --apply it only tells what it would do, and what has no counterpart
here. It may run again: tokens that are here already stay as they are, and it
tells in what they differ. Those that were deleted here, or got a new secret,
are left out.`,
		Example: `  caddy api-tokens import strapi --api articles --dsn .tmp/data.db
  caddy api-tokens import strapi --api articles --dsn-env STRAPI_DATABASE_URL --apply`,
		Args: none,
		RunE: o.run(importStrapi),
	}
	flags := cmd.Flags()
	o.takeOverFlags(cmd)
	flags.StringVar(&o.takeOver.dsn, "dsn", "", "Strapi's database: the path of a SQLite file, or how to connect to Postgres, without a password")
	flags.StringVar(&o.takeOver.dsnEnv, "dsn-env", "", "Environment variable that has it, for one with a password")
	flags.StringVar(&o.takeOver.timeZone, "time-zone", "UTC", "Time zone of Strapi's process, such as Asia/Tokyo; in Postgres its expiries have none")
	flags.StringVar(&o.takeOver.saltEnv, "salt-env", defaultSaltEnv, "Environment variable of the gateway that has Strapi's salt")
	flags.StringArrayVar(&o.takeOver.resources, "resource", nil, "What a content type is called in the catalog: api::blog.article=article; may be repeated")
	return cmd
}

func importCSVCommand(o *options) *cobra.Command {
	return o.importFileCommand("csv", "Takes over the tokens of a CSV file, secrets as text or hashed", `
The first line names the columns: name, and any of description, type, grants
(separated by semicolons), duration or expiry, enabled (true or false), owner,
and secret or one of the hashes sha256 and hmac-sha512, in hexadecimal digits.`, readCSV)
}

func importJSONLCommand(o *options) *cobra.Command {
	return o.importFileCommand("jsonl", "Takes over the tokens of a file with one JSON object in each line, secrets as text or hashed", `
An object has a name, and any of description, type, grants (a list), duration or
expiry, enabled (a truth value), owner, and secret or one of the hashes sha256 and hmac-sha512, in
hexadecimal digits.`, readJSONL)
}

func (o *options) importFileCommand(kind, short, long string, read func(io.Reader) ([]admin.Foreign, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:   kind + " <file|-> [flags]",
		Short: short,
		Long: short + `.
` + long + `

Without --apply it only tells what it would do. If a line has a problem, nothing
is imported. It may run again: tokens that are here already stay as they are,
and it tells in what they differ. Those that were deleted here, or got a new
secret, are left out.`,
		Args: exactly(1, "<file|->"),
		RunE: o.run(func(s *session, args []string) error { return s.importFile(args[0], read) }),
	}
	o.takeOverFlags(cmd)
	return cmd
}

func (o *options) takeOverFlags(cmd *cobra.Command) {
	o.makesStore = true
	cmd.Flags().StringVar(&o.api, "api", defaultAPI, "API that the tokens shall belong to")
	cmd.Flags().StringVar(&o.owner, "owner", "", "Who answers for them, if nothing else is said (default the system user)")
	cmd.Flags().StringArrayVar(&o.takeOver.skip, "skip", nil, "Name of a token to leave out; may be repeated")
	cmd.Flags().StringArrayVar(&o.takeOver.rename, "rename", nil, "What a token shall be called here: old name=new name; may be repeated")
	cmd.Flags().StringArrayVar(&o.takeOver.again, "again", nil, "Name of a token that was deleted or got a new secret here, to bring its secret back; may be repeated")
	cmd.Flags().BoolVar(&o.takeOver.apply, "apply", false, "Do it; else only what would be done is told")
}

// defaultSaltEnv is what Strapi itself calls it.
const defaultSaltEnv = "API_TOKEN_SALT"

// errDSNPassword does not repeat what was written.
var errDSNPassword = errors.New("--dsn has a password in it, which shows in process lists; name an environment variable by --dsn-env, or use PGPASSWORD or PGPASSFILE")

func importStrapi(s *session, _ []string) error {
	f := &s.takeOver
	source := f.dsn
	switch {
	case (f.dsn == "") == (f.dsnEnv == ""):
		return errors.New("name Strapi's database by --dsn or by --dsn-env")
	case f.dsnEnv != "":
		if source = os.Getenv(f.dsnEnv); source == "" {
			return fmt.Errorf("the environment has no %s", f.dsnEnv)
		}
	case strapi.IsPostgres(source) && hasPassword(source):
		return errDSNPassword
	}
	plan := admin.StrapiPlan{API: s.api, Owner: s.ownerOr(""), Resources: map[string]string{}}
	for _, text := range f.resources {
		uid, name, ok := strings.Cut(text, "=")
		if !ok || uid == "" || name == "" {
			return fmt.Errorf("--resource %s: write a uid and a name, such as api::blog.article=article", text)
		}
		plan.Resources[uid] = name
	}
	zone, err := time.LoadLocation(f.timeZone)
	if err != nil {
		return fmt.Errorf("--time-zone %q: write its name as in Asia/Tokyo, or UTC", f.timeZone)
	}
	ctx := s.cmd.Context()
	found, err := strapi.Read(ctx, source, zone)
	if err != nil {
		return fmt.Errorf("reading Strapi's database: %w", err)
	}
	list, lost, err := s.service.FromStrapi(ctx, plan, found.Tokens)
	if err != nil {
		return err
	}
	err = s.takeAllOver(list, lost)
	if found.Zoneless {
		s.hintAtZone(zone)
	}
	return err
}

// hintAtZone says how expiries were read that have no time zone in Strapi's database.
func (s *session) hintAtZone(zone *time.Location) {
	fmt.Fprintf(s.notes, "Expiries have no time zone in this database; they were read as times of %s.\n", zone)
	if !s.cmd.Flags().Changed("time-zone") {
		fmt.Fprintln(s.notes, "If Strapi's process runs in another zone, name that, as in --time-zone Asia/Tokyo; else tokens work too long or not long enough.")
	}
}

// hintAtSalt says what the gate needs for tokens of which only Strapi's hash is known.
func (s *session) hintAtSalt(list []admin.Foreign) {
	salted := slices.ContainsFunc(list, func(f admin.Foreign) bool { return f.Scheme == token.HMACSHA512 })
	if salted && slices.Contains(s.config.unsalted, s.api) {
		fmt.Fprintf(s.notes, "The gate of API %s does not know Strapi's salt yet, so it refuses tokens with Strapi's hash. Write:\n\tdialect strapi {\n\t\tsalt {env.%s}\n\t}\n",
			s.api, cmp.Or(s.takeOver.saltEnv, defaultSaltEnv))
	}
}

// ownerOr returns the owner that was named for a token, or for all, or who runs
// the command.
func (s *session) ownerOr(owner string) string {
	switch {
	case owner != "":
		return owner
	case s.cmd.Flags().Changed("owner"):
		return s.owner
	}
	return systemUser()
}

func (s *session) importFile(name string, read func(io.Reader) ([]admin.Foreign, error)) error {
	in := s.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	list, err := read(in)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].API, list[i].Owner = s.api, s.ownerOr(list[i].Owner)
	}
	return s.takeAllOver(list, nil)
}
