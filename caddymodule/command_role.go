package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

// roleFlags are the flags of the commands about roles.
type roleFlags struct {
	read, create, update, regenerate, remove string
	accounts, audit                          bool
	apis, types                              []string
}

func createRoleCommand(o *options) *cobra.Command {
	o.makesStore = true
	cmd := &cobra.Command{
		Use:     "create <name> [flags]",
		Short:   "Makes a role; what no flag allows is not allowed",
		Example: `  caddy api-tokens role create deployer --read all --create own --delete own --api articles --grant 'article.*'`,
		Args:    exactly(1, "<name>"),
		RunE:    o.run(createRole),
	}
	o.roleFlags(cmd)
	return cmd
}

func listRolesCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Lists roles, those that are built in first", Args: none, RunE: o.run(listRoles)}
}

func showRoleCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "show <name>", Short: "Shows what a role allows", Args: exactly(1, "<name>"), RunE: o.run(showRole)}
}

func updateRoleCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update <name> [flags]",
		Short: "Changes what the flags name and leaves the rest",
		Long: `Changes what the flags name and leaves the rest. It holds for the accounts that
have the role with their next request. Tokens of theirs that are mightier than
the role are listed. --api '', --type '' and --grant '' allow all.`,
		Example: `  caddy api-tokens role update deployer --type custom --type read-only --dry-run
  caddy api-tokens role update deployer --grant article.find --disable-tokens`,
		Args: exactly(1, "<name>"),
		RunE: o.run(updateRole),
	}
	o.roleFlags(cmd)
	o.overreachFlags(cmd)
	return cmd
}

func deleteRoleCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete <name> [--yes]",
		Short: "Removes a role that no account has",
		Args:  exactly(1, "<name>"),
		RunE:  o.run(deleteRole),
	}
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	return cmd
}

func (o *options) roleFlags(cmd *cobra.Command) {
	flags, r := cmd.Flags(), &o.role
	flags.StringVar(&o.description, "description", "", "What the role is for, at most 200 characters")
	for _, scope := range []struct {
		value *string
		name  string
	}{{&r.read, "read"}, {&r.create, "create"}, {&r.update, "update"}, {&r.regenerate, "regenerate"}, {&r.remove, "delete"}} {
		flags.StringVar(scope.value, scope.name, string(store.None), "Whose tokens it may "+scope.name+": none, own or all")
	}
	flags.BoolVar(&r.accounts, "accounts", false, "Manages accounts and roles")
	flags.BoolVar(&r.audit, "audit", false, "Reads the audit trail")
	flags.StringArrayVar(&r.apis, "api", nil, "API whose tokens it may hand out; may be repeated (default all)")
	flags.StringArrayVar(&r.types, "type", nil, "Type that it may hand out: read-only, full-access or custom; may be repeated (default all)")
	flags.StringArrayVar(&o.grants, "grant", nil, "Grant that it may hand out; may be repeated (default all)")
}

// applyRole puts what the flags name into a role.
func (s *session) applyRole(role *store.Role) {
	for _, field := range []struct {
		flag  string
		value *string
		field *store.Scope
	}{
		{"read", &s.role.read, &role.Read},
		{"create", &s.role.create, &role.Create},
		{"update", &s.role.update, &role.Update},
		{"regenerate", &s.role.regenerate, &role.Regenerate},
		{"delete", &s.role.remove, &role.Delete},
	} {
		if *field.field == "" || s.cmd.Flags().Changed(field.flag) {
			*field.field = store.Scope(*field.value)
		}
	}
	apply(s, "description", &s.description, &role.Description)
	apply(s, "accounts", &s.role.accounts, &role.Accounts)
	apply(s, "audit", &s.role.audit, &role.Audit)
	applyList(s, "api", s.role.apis, &role.Ceiling.APIs)
	applyList(s, "type", s.role.types, &role.Ceiling.Types)
	applyList(s, "grant", s.grants, &role.Ceiling.Grants)
}

func apply[T any](s *session, flag string, value, field *T) {
	if v := given(s.cmd, flag, value); v != nil {
		*field = *v
	}
}

// applyList is apply for a list of the ceiling: empty texts allow all.
func applyList[T ~string](s *session, flag string, values []string, field *[]T) {
	if !s.cmd.Flags().Changed(flag) {
		return
	}
	*field = nil
	for _, v := range values {
		if v != "" {
			*field = append(*field, T(v))
		}
	}
}

func createRole(s *session, args []string) error {
	role := store.Role{Name: args[0]}
	s.applyRole(&role)
	made, err := s.service.CreateRole(s.cmd.Context(), s.actor, role)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(made)
	}
	_, err = fmt.Fprintf(s.out, "created: role %s\n", printable(made.Name))
	return err
}

func listRoles(s *session, _ []string) error {
	roles, err := allPages(func(p admin.Paging) (admin.Page[admin.RoleRecord], error) {
		return s.service.Roles(s.cmd.Context(), s.actor, p)
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(roles)
	}
	table := newTable(s.out)
	fmt.Fprintln(table, "NAME\tREAD\tCREATE\tUPDATE\tREGENERATE\tDELETE\tACCOUNTS\tAUDIT\tDESCRIPTION")
	for i := range roles {
		r := &roles[i]
		row := []string{
			printable(r.Name), string(r.Read), string(r.Create), string(r.Update), string(r.Regenerate), string(r.Delete),
			yesNo(r.Accounts), yesNo(r.Audit), orDash(r.Description),
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func showRole(s *session, args []string) error {
	r, err := s.service.Role(s.cmd.Context(), s.actor, args[0])
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(r)
	}
	return s.printRecord([][2]string{
		{"name", printable(r.Name)},
		{"description", orDash(r.Description)},
		{"built in", yesNo(r.BuiltIn)},
		{"read", string(r.Read)},
		{"create", string(r.Create)},
		{"update", string(r.Update)},
		{"regenerate", string(r.Regenerate)},
		{"delete", string(r.Delete)},
		{"accounts", yesNo(r.Accounts)},
		{"audit", yesNo(r.Audit)},
		{"apis", allOr(r.Ceiling.APIs)},
		{"types", allOr(r.Ceiling.Types)},
		{"grants", allOr(r.Ceiling.Grants)},
	})
}

// allOr writes a list of the ceiling.
func allOr[T ~string](list []T) string {
	if list == nil {
		return "all"
	}
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = printable(string(one))
	}
	return strings.Join(texts, ", ")
}

func updateRole(s *session, args []string) error {
	named := slices.ContainsFunc(
		[]string{"description", "read", "create", "update", "regenerate", "delete", "accounts", "audit", "api", "type", "grant"},
		s.cmd.Flags().Changed)
	if !named {
		return errors.New("nothing to change; use --read, --create, --update, --regenerate, --delete, --accounts, --audit, --api, --type, --grant or --description")
	}
	present, err := s.service.Role(s.cmd.Context(), s.actor, args[0])
	if err != nil {
		return err
	}
	role := roleOf(&present)
	s.applyRole(&role)
	edit := admin.RoleEdit{Role: role, Disable: s.disableTokens, DryRun: s.dryRun}
	change, err := s.service.UpdateRole(s.cmd.Context(), s.actor, edit)
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(struct {
			Role      admin.RoleRecord `json:"role"`
			Overreach []admin.Record   `json:"overreach"`
		}{change.Role, s.records(change.Overreach.Tokens)})
	}
	return s.reportRights("role "+printable(change.Role.Name), change.Overreach.Tokens)
}

// roleOf returns a role as it was read, with its version, so that a change in
// between is noticed.
func roleOf(r *admin.RoleRecord) store.Role {
	return store.Role{
		Name: r.Name, Description: r.Description, Version: r.Version, Accounts: r.Accounts, Audit: r.Audit,
		Read: r.Read, Create: r.Create, Update: r.Update, Regenerate: r.Regenerate, Delete: r.Delete,
		Ceiling: store.Ceiling(r.Ceiling),
	}
}

func deleteRole(s *session, args []string) error {
	role, err := s.service.Role(s.cmd.Context(), s.actor, args[0])
	if err != nil {
		return err
	}
	if err := s.confirm("deleting", "deleted", fmt.Sprintf("Delete role %s for good?", printable(role.Name))); err != nil {
		return err
	}
	if err := s.service.DeleteRole(s.cmd.Context(), s.actor, args[0], 0); err != nil {
		return err
	}
	if s.json {
		return s.printJSON(role)
	}
	_, err = fmt.Fprintf(s.out, "deleted: role %s\n", printable(role.Name))
	return err
}
