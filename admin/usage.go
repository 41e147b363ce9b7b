package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// PermissionUsage is what a token did, by permission, as scripts and pages see it.
type PermissionUsage struct {
	// Since is when that began: the day that was asked for, or later if the token is
	// younger or its permissions weren't counted yet.
	Since       time.Time       `json:"since"`
	LastAddress string          `json:"last_address"` // that the last use of all came from; empty if that isn't known
	Permissions []PermissionUse `json:"permissions"`  // the most used first
	// UnusedGrants are those of a custom token that allowed nothing that another
	// one didn't. It is null if that isn't known.
	UnusedGrants []string `json:"unused_grants"`
}

// PermissionUse is how often a token was allowed and refused a permission.
type PermissionUse struct {
	Permission string `json:"permission"` // or a grant written out; empty for what has no name
	Allowed    uint64 `json:"allowed"`
	Refused    uint64 `json:"refused"`
}

// PermissionUsage returns what the token did since the given day, by permission.
func (s *Service) PermissionUsage(ctx context.Context, actor Actor, id string, since time.Time) (PermissionUsage, error) {
	t, err := s.readable(ctx, &actor, TokenRead, id)
	if err != nil {
		return PermissionUsage{}, err
	}
	sum, err := s.store.UseSummary(ctx, id, since)
	if err != nil {
		return PermissionUsage{}, err
	}
	usage := PermissionUsage{
		Since:       slices.MaxFunc([]time.Time{since, t.Created, sum.Counted}, time.Time.Compare).UTC(),
		LastAddress: sum.Address, Permissions: make([]PermissionUse, len(sum.Permissions)),
		UnusedGrants: unusedGrants(&t, sum.Permissions),
	}
	for i, p := range sum.Permissions {
		usage.Permissions[i] = PermissionUse(p)
	}
	slices.SortStableFunc(usage.Permissions, func(a, b PermissionUse) int { return cmp.Compare(b.Allowed+b.Refused, a.Allowed+a.Refused) })
	return usage, nil
}

// unusedGrants returns the grants that no request was counted for, or nil if some
// that was allowed has no name: then it may be for any of them.
func unusedGrants(t *token.Token, used []token.PermissionUse) []string {
	unused := []string{}
	if t.Type != token.Custom {
		return unused
	}
	names, resources := map[string]bool{}, map[string]bool{}
	for _, p := range used {
		switch {
		case p.Allowed == 0:
			continue
		case p.Permission == "":
			return nil
		case permission.CheckName(p.Permission) == nil:
			resources[permission.Resource(p.Permission)+".*"] = true
		}
		names[p.Permission] = true
	}
	for _, grant := range t.Grants {
		if !names[grant] && !resources[grant] {
			unused = append(unused, grant)
		}
	}
	return unused
}
