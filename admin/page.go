package admin

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/store"
)

// Paging picks a page of a list.
type Paging struct {
	After string // Next of the page before; empty for the first
	Limit int    // at most so many; 0 is DefaultLimit, more than MaxLimit is MaxLimit
}

// The number of entries in a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

func (p Paging) limit() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return min(p.Limit, MaxLimit)
}

// paginate returns the page of a list that is sorted by key. list names it: a
// cursor of another one is store.ErrBadCursor, as is what is none at all.
func paginate[T any](all []T, p Paging, list string, key func(*T) string) (Page[T], error) {
	return paginateBy(all, p, list, key, strings.Compare)
}

// paginateDown is paginate for a list that is sorted the other way.
func paginateDown[T any](all []T, p Paging, list string, key func(*T) string) (Page[T], error) {
	return paginateBy(all, p, list, key, func(a, b string) int { return strings.Compare(b, a) })
}

func paginateBy[T any](all []T, p Paging, list string, key func(*T) string, compare func(a, b string) int) (Page[T], error) {
	prefix := list + ">"
	if p.After != "" {
		text, err := base64.RawURLEncoding.Strict().DecodeString(p.After)
		after, ok := strings.CutPrefix(string(text), prefix)
		if err != nil || !ok {
			return Page[T]{}, store.ErrBadCursor
		}
		all = slices.DeleteFunc(slices.Clone(all), func(one T) bool { return compare(key(&one), after) <= 0 })
	}
	return firstPage(all, p, func(last *T) string {
		return base64.RawURLEncoding.EncodeToString([]byte(prefix + key(last)))
	}), nil
}

// firstPage returns what stands first. cursor names its last entry.
func firstPage[T any](all []T, p Paging, cursor func(last *T) string) Page[T] {
	if len(all) <= p.limit() {
		return Page[T]{Items: all}
	}
	all = all[:p.limit()]
	return Page[T]{Items: all, Next: cursor(&all[len(all)-1])}
}

// Page is a page of a list.
type Page[T any] struct {
	Items []T
	Next  string // After of the next page; empty if there is none
}

func mapPage[A, B any](p Page[A], record func(*A) B) Page[B] {
	items := make([]B, len(p.Items))
	for i := range p.Items {
		items[i] = record(&p.Items[i])
	}
	return Page[B]{Items: items, Next: p.Next}
}
