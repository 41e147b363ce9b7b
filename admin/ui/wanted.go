package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// wanted is what a token wanted of what there is: by permission, what it asked for
// in vain, and what it has and never used.
type wanted struct {
	Since   time.Time // of Permissions
	Used    []admin.PermissionUse
	Refused []refusal

	Address     string // that the last use came from; empty if that isn't known
	UnusedSince time.Time
	Unused      []string
	UnusedKnown bool // Unused is all
}

// refusal is what a token asked for in vain, and how often.
type refusal struct {
	Permission string // or an operation; empty for what has no name
	Times      uint64
	Grantable  bool // by a link
}

// wantedOf looks at the days of the chart for what was refused, and at all that is
// kept for what was never used.
func (u *ui) wantedOf(c *call, t *token.Token, since time.Time) (wanted, error) {
	recent, err := u.Service.PermissionUsage(c.r.Context(), c.actor, t.ID, since)
	if err != nil {
		return wanted{}, err
	}
	ever, err := u.Service.PermissionUsage(c.r.Context(), c.actor, t.ID, time.Time{})
	if err != nil {
		return wanted{}, err
	}
	w := wanted{
		Since: recent.Since, Used: recent.Permissions, Address: ever.LastAddress,
		UnusedSince: ever.Since, Unused: ever.UnusedGrants, UnusedKnown: ever.UnusedGrants != nil,
	}
	permissions, err := u.permissionsOf(c, t.API)
	if err != nil {
		return wanted{}, err
	}
	for _, p := range recent.Permissions {
		if p.Refused > 0 {
			grantable := !isHeld(t, permissions, p.Permission) && t.Type == token.Custom && p.Permission != "" && c.actor.May(admin.TokenUpdate, t) && !c.actor.ActsForOther(t)
			w.Refused = append(w.Refused, refusal{p.Permission, p.Refused, grantable})
		}
	}
	slices.SortStableFunc(w.Refused, func(a, b refusal) int { return cmp.Compare(b.Times, a.Times) })
	return w, nil
}

// isHeld reports whether the token is held to a value of something that the permission
// goes by. For which value that was asked for is not known, and a link without one would
// grant it for all.
func isHeld(t *token.Token, permissions []permission.Permission, name string) bool {
	i := slices.IndexFunc(permissions, func(p permission.Permission) bool { return p.Name == name })
	if i < 0 {
		return false
	}
	captures := permissions[i].Captures()
	return slices.ContainsFunc(t.Grants, func(grant string) bool {
		_, fixes := permission.CutFixes(grant)
		return slices.ContainsFunc(fixes, func(fix string) bool {
			capture, _, _ := strings.Cut(fix, "=")
			return slices.Contains(captures, capture)
		})
	})
}
