package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// foresight tells, from what tokens did, which of their requests would be answered otherwise
// with their drafts in force.
type foresight struct {
	service  *Service
	since    time.Time // a UTC day
	surfaces map[string]*surface
	drafts   int // that are still to be told of
	steps    int // that are left for them
}

// foreseeSteps is how much is compared for the answers of all drafts that are looked at. 500
// drafts of ordinary tokens need less; what no steps are left for may be answered otherwise.
const foreseeSteps = 4_000_000

// foresight returns one for so many drafts.
func (s *Service) foresight(days, drafts int) *foresight {
	if days <= 0 {
		days = DefaultDraftDays
	}
	return &foresight{
		service: s, since: s.now().AddDate(0, 0, 1-days).Truncate(24 * time.Hour),
		surfaces: map[string]*surface{}, drafts: drafts, steps: foreseeSteps,
	}
}

// answers tells it of one draft.
func (f *foresight) answers(ctx context.Context, d *drafted) (Answers, error) {
	a := Answers{Since: f.since, Permissions: []PermissionAnswer{}}
	share := f.steps / max(1, f.drafts) // what one leaves is for the next
	f.drafts--
	if d.live == nil || d.sameAnswers(f.service.now()) {
		return a, nil
	}
	sum, err := f.service.store.UseSummary(ctx, d.TokenID, f.since)
	if err != nil {
		return a, err
	}
	uses, err := f.service.store.Usage(ctx, d.TokenID, f.since)
	if err != nil {
		return a, err
	}
	var total token.PermissionUse
	for _, u := range uses {
		total.Allowed, total.Refused = total.Allowed+u.Allowed, total.Refused+u.Refused
	}
	if a.OldSecret, err = f.oldSecret(ctx, d, uses); err != nil {
		return a, err
	}
	surface, err := f.surface(ctx, d.API)
	if err != nil {
		return a, err
	}
	left := &steps{left: share}
	err = a.foresee(ctx, &foreseen{surface, d.live, d.result, f.service.now(), left}, sum.Permissions, total)
	f.steps -= share - max(0, left.left)
	return a, err
}

// oldSecret counts the requests that were allowed since the oldest secret that still works
// was made, if a new one replaces it: which secret they came with isn't known of each.
func (f *foresight) oldSecret(ctx context.Context, d *drafted, uses []token.Use) (n uint64, err error) {
	now := f.service.now()
	if d.Secret == nil || d.live.Status(now) != token.Active || d.result.Status(now) != token.Active {
		return 0, nil
	}
	secrets, err := f.service.store.Secrets(ctx, d.TokenID, now)
	if err != nil && !errors.Is(err, store.ErrUnreadable) || len(secrets) == 0 { // nobody has one that can't be understood
		return 0, err
	}
	oldest := secrets[len(secrets)-1].Created.UTC().Truncate(24 * time.Hour)
	for _, use := range uses {
		if !use.Day.Before(oldest) {
			n += use.Allowed
		}
	}
	return n, nil
}

// sameAnswers reports whether the draft changes nothing that a request is decided by.
func (d *drafted) sameAnswers(now time.Time) bool {
	return d.result != nil && d.Secret == nil && d.live.Status(now) == d.result.Status(now) &&
		d.live.Type == d.result.Type && slices.Equal(d.live.Grants, d.result.Grants)
}

func (f *foresight) surface(ctx context.Context, api string) (*surface, error) {
	if known := f.surfaces[api]; known != nil {
		return known, nil
	}
	catalog, err := f.service.compiled(ctx, f.service.store, api)
	if _, unknown := errors.AsType[FieldErrors](err); unknown {
		catalog, err = permission.NewCatalog(nil)
	}
	if err != nil {
		return nil, err
	}
	f.surfaces[api] = newSurface(catalog)
	return f.surfaces[api], nil
}

// foreseen is a token as it is and as it will be.
type foreseen struct {
	known     *surface
	was, will *token.Token
	now       time.Time
	steps     *steps
}

// foresee adds what becomes of all requests that were counted.
func (a *Answers) foresee(ctx context.Context, f *foreseen, counted []token.PermissionUse, total token.PermissionUse) error {
	was, will := newAllowance(f.known, f.was, f.now, f.steps), newAllowance(f.known, f.will, f.now, f.steps)
	for _, use := range counted {
		if err := ctx.Err(); err != nil { // nobody waits any more
			return err
		}
		a.add(use, was, will)
	}
	a.addUncounted(total, counted, was, will)
	return nil
}

// add adds what becomes of the requests that count for one permission.
func (a *Answers) add(use token.PermissionUse, was, will *allowance) {
	p := PermissionAnswer{Permission: use.Permission}
	c := was.known.counted(use.Permission, was.steps)
	before, after := was.of(c), will.of(c)
	switch {
	case before != no && after == no:
		p.Refused, p.Unsure = orUnsure(use.Allowed, will.asRequired(c) == no)
	case before != yes && after == yes:
		p.Allowed, p.Unsure = orUnsure(use.Refused, will.suffices(use.Permission, was))
	case before == yes && after == unsure:
		p.Unsure = use.Allowed
	case before == no && after == unsure:
		p.Unsure = use.Refused
	case before == unsure && after == unsure:
		p.Unsure = stillUnsure(use, c, was, will)
	}
	if (before == yes || after == no) && will.gainsRequired(c, was) {
		p.Unsure += use.Refused
	}
	if p.Refused+p.Allowed+p.Unsure == 0 {
		return
	}
	a.Refused, a.Allowed, a.Unsure = a.Refused+p.Refused, a.Allowed+p.Allowed, a.Unsure+p.Unsure
	a.Permissions = append(a.Permissions, p)
}

// orUnsure returns requests as those that are surely answered otherwise, or else may be.
func orUnsure(n uint64, surely bool) (sure, unsure uint64) {
	if surely {
		return n, 0
	}
	return 0, n
}

// stillUnsure returns how many of the requests that count for one permission may be answered
// otherwise, where nothing is sure before and after: by the grants that have a say in them.
func stillUnsure(use token.PermissionUse, c *counted, was, will *allowance) (n uint64) {
	if !will.includes(was, was.concerning(c, false)) {
		n += use.Allowed
	}
	if !was.includes(will, will.concerning(c, true)) {
		n += use.Refused
	}
	return n
}

// addUncounted adds what becomes of requests that count for no permission: they were
// refused for another reason than a missing one, or came before permissions were counted.
func (a *Answers) addUncounted(total token.PermissionUse, counted []token.PermissionUse, was, will *allowance) {
	for _, use := range counted {
		total.Allowed -= min(total.Allowed, use.Allowed)
		total.Refused -= min(total.Refused, use.Refused)
	}
	switch {
	case was.active && !will.active:
		a.Refused += total.Allowed
	case !was.active && will.active:
		a.Unsure += total.Refused
	case was.active && will.active && !will.includes(was, was.all()):
		a.Unsure += total.Allowed
	}
}
