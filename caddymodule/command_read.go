package caddymodule

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

func showCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show <token>",
		Short: "Shows all about a token but its secret",
		Args:  exactly(1, "<token>"),
		RunE:  o.run(show),
	}
	o.tokenFlag(cmd)
	return cmd
}

// usageDays is how far back show counts requests.
const usageDays = 30

// shown is what show prints for scripts.
type shown struct {
	admin.Record
	GoneGrants []string             `json:"gone_grants"`
	Secrets    []admin.SecretRecord `json:"secrets"`
	Usage      []dayUsage           `json:"usage"`

	PermissionUsage admin.PermissionUsage `json:"permission_usage"`
}

type dayUsage struct {
	Day     string `json:"day"`
	Allowed uint64 `json:"allowed"`
	Refused uint64 `json:"refused"`
}

func show(s *session, args []string) error {
	t, err := s.find(args[0])
	if err != nil {
		return err
	}
	gone, err := s.service.Gone(s.cmd.Context(), &t)
	if err != nil {
		return err
	}
	since := time.Now().UTC().AddDate(0, 0, -usageDays).Truncate(24 * time.Hour)
	uses, err := s.service.Usage(s.cmd.Context(), s.actor, t.ID, since)
	if err != nil {
		return err
	}
	permissions, err := s.service.PermissionUsage(s.cmd.Context(), s.actor, t.ID, since)
	if err != nil {
		return err
	}
	secrets, err := s.service.Secrets(s.cmd.Context(), s.actor, t.ID)
	if err != nil {
		return err
	}
	if !s.json {
		return s.printToken(&t, gone, secrets, uses, &permissions)
	}
	v := shown{Record: s.service.Record(&t), GoneGrants: append([]string{}, gone...), Secrets: secrets, Usage: []dayUsage{}, PermissionUsage: permissions}
	for _, u := range uses {
		v.Usage = append(v.Usage, dayUsage{u.Day.Format(time.DateOnly), u.Allowed, u.Refused})
	}
	return s.printJSON(v)
}

func (s *session) printToken(t *token.Token, gone []string, secrets []admin.SecretRecord, uses []token.Use, permissions *admin.PermissionUsage) error {
	table := newTable(s.out)
	printRows(table, [][2]string{
		{"name", printable(t.Name)},
		{"api", printable(t.API)},
		{"id", printable(t.ID)},
		{"description", orDash(t.Description)},
		{"type", printable(string(t.Type))},
		{"status", string(s.service.Record(t).Status)},
		{"draft", orDash(string(t.Draft))},
		{"owner", orDash(t.Owner)},
		{"hint", orDash(t.Hint)},
		{"expires", momentOr(t.Expiry, "unlimited")},
		{"created", momentOr(t.Created, "-")},
		{"updated", momentOr(t.Updated, "-")},
		{"last used", momentOr(t.LastUsed, "never") + from(permissions.LastAddress)},
		{"requests", countUses(uses)},
	})
	printRows(table, missingRows(permissions.Permissions))
	// During an overlap: is the old one still in use? And what still needs a salt?
	if len(secrets) > 1 || slices.ContainsFunc(secrets, isSalted) {
		printRows(table, secretRows(t, secrets))
	}
	label := "grants"
	for _, grant := range t.Grants {
		note := ""
		if slices.Contains(gone, grant) {
			note = "  (gone: the API has no such permission, it matches nothing)"
		}
		fmt.Fprintf(table, "%s\t%s%s\n", label, printable(grant), note)
		label = ""
	}
	return table.Flush()
}

func from(address string) string {
	if address == "" {
		return ""
	}
	return " from " + printable(address)
}

// missingRows says which permissions requests were refused for, the most frequent first.
func missingRows(permissions []admin.PermissionUse) (rows [][2]string) {
	refused := slices.DeleteFunc(slices.Clone(permissions), func(p admin.PermissionUse) bool { return p.Refused == 0 })
	slices.SortStableFunc(refused, func(a, b admin.PermissionUse) int { return cmp.Compare(b.Refused, a.Refused) })
	label := "missing"
	for _, p := range refused[:min(len(refused), mostMissing)] {
		name := printable(p.Permission)
		if name == "" {
			name = "what no permission names"
		}
		rows = append(rows, [2]string{label, fmt.Sprintf("%s  asked for %s", name, times(p.Refused))})
		label = ""
	}
	return rows
}

// mostMissing is how many missing permissions show has in its text.
const mostMissing = 5

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// secretRows says of each secret that has not ended when it was used last, the newest first.
func secretRows(t *token.Token, secrets []admin.SecretRecord) (rows [][2]string) {
	label, works := "secrets", t.Status(time.Now()) == token.Active
	for _, secret := range secrets {
		text := fmt.Sprintf("%s  last used %s", orDash(secret.Hint), momentIf(secret.LastUsed, "never"))
		if secret.Expiry != nil && works {
			text += ", works until " + moment(endOf(t, *secret.Expiry))
		}
		if isSalted(secret) {
			text += ", needs the salt of Strapi"
		}
		rows = append(rows, [2]string{label, text})
		label = ""
	}
	return rows
}

func isSalted(secret admin.SecretRecord) bool { return secret.Scheme == token.HMACSHA512 }

func countUses(uses []token.Use) string {
	var allowed, refused uint64
	for _, u := range uses {
		allowed += u.Allowed
		refused += u.Refused
	}
	return fmt.Sprintf("%d allowed, %d refused in the last %d days", allowed, refused, usageDays)
}
