package gate

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// usage counts what happens with one secret of a token until the next flush. A
// request costs a few atomic additions; nothing waits for anything.
type usage struct {
	tokenID     string
	secret      token.Digest
	days        [2]dayUsage // today and, around midnight, the other day: by parity
	permissions atomic.Pointer[permissionUsage]
	dirty       atomic.Bool // it is, or will at once be, in the recorder's list
	next        *usage      // in that list
}

type dayUsage struct {
	day    atomic.Int64 // unix days
	last   atomic.Int64 // unix milliseconds
	from   atomic.Pointer[origin]
	others counts // of requests that count for no permission first
}

// permissionUsage is what of a usage counts for one permission. It is in a list
// that only grows; those that were seen first are in front.
type permissionUsage struct {
	permission string
	days       [2]counts // of the days of the usage
	next       atomic.Pointer[permissionUsage]
}

// counts are of requests, each of which counts in one place, so that it costs one
// addition.
type counts struct {
	allowed atomic.Uint64
	refused atomic.Uint64
	also    atomic.Uint64 // allowed ones that count elsewhere
}

// origin is where a request came from.
type origin struct {
	said    string // as the request has it
	address string // empty if that is no IP address
}

const (
	// maxPermissions is how many permissions a usage has by name. What comes beyond
	// that counts without one.
	maxPermissions = 64
	// maxAddress is longer than any IP address with its zone.
	maxAddress = 64
)

func dayOf(ms int64) int64 { return ms / msPerDay }

// on returns the usage of a day.
func (u *usage) on(day int64) *dayUsage {
	d := &u.days[day&1]
	if d.day.Load() != day {
		d.day.Store(day)
	}
	return d
}

// use moves the last use forward, and its address with it. Of two requests at the
// very same time, the address may be that of either.
func (d *dayUsage) use(ms int64, address string) {
	for last := d.last.Load(); ms > last; last = d.last.Load() {
		if !d.last.CompareAndSwap(last, ms) {
			continue
		}
		if len(address) > maxAddress {
			address = ""
		}
		if from := d.from.Load(); from == nil || from.said != address {
			d.from.Store(newOrigin(address))
		}
		return
	}
}

func newOrigin(said string) *origin {
	o := &origin{said: strings.Clone(said)} // it may be a small part of a large header
	if ip, err := netip.ParseAddr(said); err == nil {
		o.address = ip.Unmap().WithZone("").String()
	}
	return o
}

// permission returns the counts for a permission on a day.
func (u *usage) permission(name string, day int64) *counts {
	for at, n := &u.permissions, 0; ; {
		switch p := at.Load(); {
		case p != nil && p.permission == name:
			return &p.days[day&1]
		case p != nil:
			at, n = &p.next, n+1
		case n >= maxPermissions && name != "":
			name, at, n = "", &u.permissions, 0
		default: // of two that add it at once, one finds that of the other
			at.CompareAndSwap(nil, &permissionUsage{permission: name})
		}
	}
}

// take returns what one of the days counted, and lets it count from zero again.
// Counts are taken before the day and the time that belong to them, see record.
func (u *usage) take(parity int) (secretDay, token.Use) {
	d := &u.days[parity]
	use := token.Use{TokenID: u.tokenID, Secret: u.secret}
	use.Allowed, use.Refused = d.others.allowed.Swap(0), d.others.refused.Swap(0)
	for p := u.permissions.Load(); p != nil; p = p.next.Load() {
		c := &p.days[parity]
		allowed, refused, also := c.allowed.Swap(0), c.refused.Swap(0), c.also.Swap(0)
		if allowed+refused+also == 0 {
			continue
		}
		use.Allowed += allowed
		use.Refused += refused
		use.Permissions = append(use.Permissions, token.PermissionUse{Permission: p.permission, Allowed: allowed + also, Refused: refused})
	}
	day, last := d.day.Load(), d.last.Load()
	use.Day = time.Unix(day*24*60*60, 0).UTC()
	if last > 0 && dayOf(last) == day {
		use.Last = time.UnixMilli(last).UTC()
		if from := d.from.Load(); from != nil {
			use.Address = from.address
		}
	}
	return secretDay{u.tokenID, u.secret, day}, use
}
