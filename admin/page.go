package admin

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

// paginate returns the page of a list that is sorted by key.
func paginate[T any](all []T, p Paging, key func(*T) string) Page[T] {
	first := 0
	if p.After != "" {
		first = len(all)
		for i := range all {
			if key(&all[i]) > p.After {
				first = i
				break
			}
		}
	}
	all = all[first:]
	if len(all) <= p.limit() {
		return Page[T]{Items: all}
	}
	all = all[:p.limit()]
	return Page[T]{Items: all, Next: key(&all[len(all)-1])}
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
