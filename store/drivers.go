package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tokenreeve/tokenreeve/token"
)

// This file is for drivers, so that all of them sort, search and write alike.

// Fold returns a text without the difference between upper and lower case, for
// searching and sorting. Stores keep what it returned, and compare byte by byte.
func Fold(s string) string { return strings.Map(foldRune, s) }

// foldRune returns one and the same rune for all that differ in case only: the
// lower case of the smallest, so that ſ and S are s, and the Kelvin sign is k.
func foldRune(r rune) rune {
	switch {
	case r == fieldEnd:
		return ' '
	case r <= unicode.MaxASCII:
		return unicode.ToLower(r)
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}

// FoldedText is what is searched in a token, beside its hint.
func FoldedText(t *token.Token) string {
	return Fold(t.Name) + string(fieldEnd) + Fold(t.Description) + string(fieldEnd) + Fold(t.Owner)
}

// fieldEnd stands in no folded text, and so no search finds what is on both sides of it.
const fieldEnd = '\x1f'

// Clean returns a text without what a store may not be able to keep.
func Clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, string(unicode.ReplacementChar)), "\x00", string(unicode.ReplacementChar))
}

// Cursor is a place in a sorted list of tokens: just behind the one with this
// value and id.
type Cursor struct {
	Sort       TokenOrder `json:"s"`
	Descending bool       `json:"d,omitempty"`
	Text       string     `json:"t,omitempty"` // the value that is sorted by, if it is a text
	Number     int64      `json:"n,omitempty"` // the same, if it is not
	ID         string     `json:"i"`
}

// String writes the cursor as TokenPage.Next has it.
func (c *Cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		return "" // texts and numbers can always be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Cursor reads After. It returns nil if that is empty, and ErrBadCursor if it is
// no cursor or one of another order.
func (q *TokenQuery) Cursor() (*Cursor, error) {
	if q.After == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(q.After)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	var c Cursor
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	if c.Sort != q.Order() || c.Descending != q.Descending {
		return nil, fmt.Errorf("%w: it is of another order", ErrBadCursor)
	}
	if c.ID == "" || c.String() != q.After {
		return nil, fmt.Errorf("%w: it is not complete", ErrBadCursor)
	}
	return &c, nil
}

// Order returns what the query sorts by.
func (q *TokenQuery) Order() TokenOrder {
	if q.Sort == "" {
		return ByName
	}
	return q.Sort
}

// Ceil returns the first millisecond that is not before t, since stores keep
// milliseconds: what is before t is before that.
func Ceil(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// WriteList writes a list as JSON, or nil for a nil one, which means everything.
func WriteList[S ~string](list []S) (*string, error) {
	if list == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	written := string(text)
	return &written, nil
}

// ReadList reads what WriteList wrote. What is no list is an error, and never
// taken for everything.
func ReadList[S ~string](text *string) ([]S, error) {
	if text == nil {
		return nil, nil
	}
	var list []S
	if err := json.Unmarshal([]byte(*text), &list); err != nil {
		return nil, err
	}
	if list == nil {
		return nil, fmt.Errorf("%s is not a list", *text)
	}
	return list, nil
}

// KeptChanges is how many changes are kept for processes that read slowly of them.
const KeptChanges = 10_000

// maxNamed is how many secrets a change names; it says "all" instead of naming more.
const maxNamed = 1_000

// ChangedBy says whose tokens a transaction changed that touched these secrets, or all.
func ChangedBy(touched map[token.Digest]struct{}, all bool) Changed {
	if all || len(touched) > maxNamed {
		return Changed{All: true}
	}
	return Changed{Digests: slices.Collect(maps.Keys(touched))}
}

// IdempotentAge is how long the keys of creations are remembered.
const IdempotentAge = 24 * time.Hour

// ReadCeiling reads the lists of a ceiling as RoleValues wrote them.
func ReadCeiling(apis, types, grants *string) (c Ceiling, err error) {
	if c.APIs, err = ReadList[string](apis); err != nil {
		return Ceiling{}, err
	}
	if c.Types, err = ReadList[token.Type](types); err != nil {
		return Ceiling{}, err
	}
	if c.Grants, err = ReadList[string](grants); err != nil {
		return Ceiling{}, err
	}
	return c, nil
}

// RoleValues returns what is kept of a role but its version: name, description, the
// scopes to read, create, update, regenerate and delete, accounts, audit, the lists
// of its ceiling (APIs, types and grants), and updated.
func RoleValues(r *Role) ([]any, error) {
	apis, err := WriteList(r.Ceiling.APIs)
	if err != nil {
		return nil, err
	}
	types, err := WriteList(r.Ceiling.Types)
	if err != nil {
		return nil, err
	}
	grants, err := WriteList(r.Ceiling.Grants)
	if err != nil {
		return nil, err
	}
	return []any{
		r.Name, r.Description, string(r.Read), string(r.Create), string(r.Update), string(r.Regenerate), string(r.Delete),
		r.Accounts, r.Audit, apis, types, grants, r.Updated.UnixMilli(),
	}, nil
}

// ExportParts exports rows part by part: next returns those behind a key, and none at the end;
// yield exports one and returns its key.
func ExportParts[K, T any](next func(after K) ([]T, error), yield func(*T) (K, error), first K) error {
	for last := first; ; {
		part, err := next(last)
		if err != nil || len(part) == 0 {
			return err
		}
		for i := range part {
			if last, err = yield(&part[i]); err != nil {
				return err
			}
		}
	}
}
