package ui

import (
	"cmp"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
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
	Grantable  bool
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
	for _, p := range recent.Permissions {
		if p.Refused > 0 {
			grantable := t.Type == token.Custom && p.Permission != "" && c.actor.May(admin.TokenUpdate, t) && !c.actor.ActsForOther(t)
			w.Refused = append(w.Refused, refusal{p.Permission, p.Refused, grantable})
		}
	}
	slices.SortStableFunc(w.Refused, func(a, b refusal) int { return cmp.Compare(b.Times, a.Times) })
	return w, nil
}
