package ui

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

const (
	unusedAfter = 90 * 24 * time.Hour // a token that long without use stands out
	endsWithin  = 14 * 24 * time.Hour // and one that ends within this time
)

// listQuery is what a list of tokens shows, as its address says it.
type listQuery struct {
	Search, API, Owner string
	Type               token.Type
	Status             token.Status
	Unused, Ends       bool
	Sort               store.TokenOrder
	Descending         bool
	After              string
	Trail              []string // After of the pages before, the last one last; "" is the first
}

// maxTrail is how many pages one can go back. Cursors are long, addresses are not.
const maxTrail = 8

// readListQuery takes out of an address what can be there; the rest is left out.
func readListQuery(values url.Values) listQuery {
	get := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	q := listQuery{
		Search: withoutSecrets(get("search")), API: get("api"), Owner: get("owner"),
		Type:   among(get("type"), token.Types()...),
		Status: among(get("status"), statuses...),
		Unused: get("unused") != "", Ends: get("ends") != "",
		Sort:       among(get("sort"), store.ByAPI, store.ByOwner, store.ByCreated, store.ByLastUsed, store.ByExpiry),
		Descending: get("order") == "desc", After: get("after"),
	}
	if by := get("by"); by != "" { // of the choice that takes the place of the columns on phones
		order, ascending := strings.CutSuffix(by, ".asc")
		q.Sort = among(strings.TrimSuffix(order, ".desc"), store.ByAPI, store.ByOwner, store.ByCreated, store.ByLastUsed, store.ByExpiry)
		q.Descending, q.After = !ascending, ""
	}
	if trail, ok := values["trail"]; ok && q.After != "" {
		q.Trail = strings.Split(trail[0], ".")
		q.Trail = q.Trail[max(0, len(q.Trail)-maxTrail):]
	}
	return q
}

// secretIn recognises secrets, also those that miss a few characters.
var secretIn = regexp.MustCompile(regexp.QuoteMeta(token.Prefix) + `[0-9A-Za-z]{12,}`)

// withoutSecrets returns a text with their beginnings alone.
func withoutSecrets(text string) string {
	return secretIn.ReplaceAllLiteralString(text, token.Prefix+"…")
}

// among returns the text if it is one of these, else "".
func among[T ~string](text string, known ...T) T {
	if slices.Contains(known, T(text)) {
		return T(text)
	}
	return ""
}

// path returns the address of the list.
func (q listQuery) path() string {
	if values := q.values(); len(values) > 0 {
		return "/tokens?" + values.Encode()
	}
	return "/tokens"
}

func (q listQuery) values() url.Values {
	values := url.Values{}
	set := func(name, value string, there bool) {
		if there {
			values.Set(name, value)
		}
	}
	set("search", q.Search, q.Search != "")
	set("api", q.API, q.API != "")
	set("owner", q.Owner, q.Owner != "")
	set("type", string(q.Type), q.Type != "")
	set("status", string(q.Status), q.Status != "")
	set("unused", "90", q.Unused)
	set("ends", "14", q.Ends)
	set("sort", string(q.Sort), q.Sort != "")
	set("order", "desc", q.Descending)
	set("after", q.After, q.After != "")
	set("trail", strings.Join(q.Trail, "."), len(q.Trail) > 0)
	return values
}

// Fields are the filters, for forms that have others.
func (q listQuery) Fields() []typedField {
	var fields []typedField
	values := q.unsorted().values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fields = append(fields, typedField{name, values.Get(name)})
	}
	return fields
}

// unsorted is the list in its usual order.
func (q listQuery) unsorted() listQuery {
	q = q.first()
	q.Sort, q.Descending = "", false
	return q
}

// IsBy reports whether the table is in an order.
func (q listQuery) IsBy(order store.TokenOrder, descending bool) bool {
	return q.order() == order && q.Descending == descending
}

// Filtered reports whether anything but the order is chosen.
func (q listQuery) Filtered() bool {
	return q.Search != "" || q.API != "" || q.Owner != "" || q.Type != "" || q.Status != "" || q.Unused || q.Ends
}

func (q listQuery) unfiltered() listQuery {
	return listQuery{Sort: q.Sort, Descending: q.Descending}
}

func (q listQuery) first() listQuery {
	q.After, q.Trail = "", nil
	return q
}

// next is the page behind. If this one is not full, nobody knows how many stand on the pages
// before that: then the trail no longer begins with the first.
func (q listQuery) next(after string, full bool) listQuery {
	q.Trail = append(slices.Clip(q.Trail), q.After)
	if !full && q.Trail[0] == "" {
		q.Trail = q.Trail[1:]
	}
	q.Trail = q.Trail[max(0, len(q.Trail)-maxTrail):]
	q.After = after
	return q
}

// before is how many tokens stand on the pages before; known is false if the trail
// does not lead to the first one.
func (q listQuery) before() (n int, known bool) {
	known = len(q.Trail) == 0 || q.Trail[0] == ""
	return len(q.Trail) * admin.DefaultLimit, known
}

// back is the page before; ok is false on the first.
func (q listQuery) back() (before listQuery, ok bool) {
	if len(q.Trail) == 0 {
		return q.first(), false
	}
	last := len(q.Trail) - 1
	q.After, q.Trail = q.Trail[last], q.Trail[:last]
	return q, true
}

// by is the list in another order, or in the opposite one.
func (q listQuery) by(order store.TokenOrder) listQuery {
	latestFirst := order == store.ByCreated || order == store.ByLastUsed
	descending := latestFirst
	if q.order() == order {
		descending = !q.Descending
	}
	q = q.first()
	if q.Sort = order; order == store.ByName {
		q.Sort = ""
	}
	q.Descending = descending
	return q
}

func (q listQuery) order() store.TokenOrder {
	if q.Sort == "" {
		return store.ByName
	}
	return q.Sort
}

// query is what the service is asked.
func (q listQuery) query(now time.Time) store.TokenQuery {
	asked := store.TokenQuery{
		Search: q.Search, API: q.API, Owner: q.Owner, Type: q.Type, Status: q.Status,
		Sort: q.Sort, Descending: q.Descending, After: q.After, Limit: admin.DefaultLimit,
	}
	if q.Unused {
		asked.UnusedSince = now.Add(-unusedAfter)
	}
	if q.Ends {
		asked.ExpiresBy = now.Add(endsWithin)
	}
	return asked
}
