package token

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Type says how a token's rights are found.
type Type string

// The closed list of types.
const (
	// ReadOnly may run safe HTTP methods and operations of permissions marked read.
	ReadOnly Type = "read-only"
	// FullAccess may run every operation of its API.
	FullAccess Type = "full-access"
	// Custom may run what its grants name and nothing else.
	Custom Type = "custom"
)

// Types returns all types, in the order in which people are offered them.
func Types() []Type { return []Type{ReadOnly, FullAccess, Custom} }

// ParseType returns the type with the given name, or an *FieldError error.
func ParseType(s string) (Type, error) {
	if t := Type(s); slices.Contains(Types(), t) {
		return t, nil
	}
	return "", invalid("type", "%q is not a type; use read-only, full-access or custom", s)
}

// Status is what a token is at a moment.
type Status string

// The closed list of statuses.
const (
	Active   Status = "active"
	Disabled Status = "disabled"
	Expired  Status = "expired"
	// Drafted is a new token that is only a draft: no secret of it is known anywhere.
	Drafted Status = "draft"
)

// Draft says what becomes of a token with the next update of its API.
type Draft string

// The closed list of drafts. The empty one is none.
const (
	DraftCreate Draft = "create"
	DraftUpdate Draft = "update"
	DraftDelete Draft = "delete"
)

// Token is the managed record. Times are UTC with millisecond resolution, the
// resolution of the stores; a zero time means never.
type Token struct {
	ID          string // "tok_" and 16 base62 characters
	API         string // the one API it belongs to
	Name        string // unique within its API
	Description string // at most MaxDescription characters
	Type        Type
	Grants      []string // what a Custom token may do, as package permission reads it
	Owner       string   // name of the account or system user that answers for it
	Enabled     bool
	Hint        string    // display hint of the newest secret
	Expiry      time.Time // refused from this moment on; zero is unlimited
	Created     time.Time
	Updated     time.Time
	LastUsed    time.Time
	Version     int64 // raised by every change; for optimistic locking
	Draft       Draft // for those who manage tokens; no store keeps it here
}

// Status returns what the token is at the given time. A token that was switched
// off shows as disabled even when it has expired as well, and a new one that is only
// a draft as that.
func (t *Token) Status(now time.Time) Status {
	switch {
	case t.Draft == DraftCreate:
		return Drafted
	case !t.Enabled:
		return Disabled
	case !t.Expiry.IsZero() && !now.Before(t.Expiry):
		return Expired
	default:
		return Active
	}
}

// Use is what happened with one token on one UTC day since the last flush.
type Use struct {
	TokenID string
	Secret  Digest    // the secret that came; zero if that isn't known, or for all
	Day     time.Time // midnight UTC
	Last    time.Time // newest request that the live token made, allowed or not; zero if none
	Address string    // the IP address that it came from; empty if that isn't known
	Allowed uint64
	Refused uint64

	Permissions []PermissionUse // what of it has a permission; nil when read per day
}

// PermissionUse counts requests by what they did. A request that did several
// things counts for each; one that was refused for another reason than a missing
// permission, for none.
type PermissionUse struct {
	// Permission is the most specific of the catalog that the request had, or
	// lacked; or the grant written out that alone allowed it. It is empty for what the
	// catalog doesn't name, and for what comes beyond the limit of names.
	Permission string
	Allowed    uint64
	Refused    uint64
}

// Limits of the record's fields.
const (
	MaxName        = 100 // characters
	MaxDescription = 200 // characters
	MaxAPI         = 64  // bytes
	MaxGrants      = 500
	MaxGrant       = 500 // bytes
	// MaxGrantBytes is for all grants of a token together: every gateway keeps in memory what they
	// match, which can be forty times as much.
	MaxGrantBytes = 32 << 10
)

// GrantBytes returns how many bytes the grants have together.
func GrantBytes(grants []string) int {
	n := 0
	for _, grant := range grants {
		n += len(grant)
	}
	return n
}

const idPrefix = "tok_"

// NewID returns a fresh token id from the given source of randomness, or that
// source's error.
func NewID(random io.Reader) (string, error) {
	s, err := randomBase62(random, 16)
	if err != nil {
		return "", fmt.Errorf("making a token id: %w", err)
	}
	return idPrefix + s, nil
}

// IsID reports whether s has the shape of a token id. No name has it.
func IsID(s string) bool {
	return len(s) == len(idPrefix)+16 && strings.HasPrefix(s, idPrefix) && isBase62(s[len(idPrefix):])
}

// FieldError is the error for a field that breaks a rule. Problem says what is
// wrong and what to do about it, for the person who filled in the field.
type FieldError struct {
	Field   string
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// CheckName returns an *FieldError error if s can't be the name of a token: it is
// empty, longer than MaxName characters, has control characters or blanks at
// its ends, or looks like a token id.
func CheckName(s string) error {
	switch {
	case s == "":
		return invalid("name", "a token needs a name")
	case strings.HasPrefix(s, idPrefix):
		return invalid("name", "%q begins like a token id; choose another", s)
	}
	return checkText("name", s, MaxName)
}

// CheckDescription returns an *FieldError error if s is longer than
// MaxDescription characters, begins or ends with a blank, or has control
// characters other than line breaks inside.
func CheckDescription(s string) error {
	return checkText("description", strings.ReplaceAll(s, "\n", "."), MaxDescription)
}

// Shown returns s as CheckDescription takes it, but for its length: with blanks for
// control characters, and without others that don't show and blanks at its ends.
func Shown(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, string(unicode.ReplacementChar)), "\r\n", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || !isInvisible(r):
			return r
		case unicode.Is(unicode.Cf, r): // they have no width
			return -1
		}
		return ' '
	}, s))
}

// CheckOwner returns an *FieldError error if s can't be an owner: the rules are
// those of a name, but it may be empty.
func CheckOwner(s string) error { return checkText("owner", s, MaxName) }

func checkText(field, s string, most int) error {
	switch {
	case !utf8.ValidString(s):
		return invalid(field, "is not valid UTF-8")
	case utf8.RuneCountInString(s) > most:
		return invalid(field, "has %d characters; at most %d are allowed", utf8.RuneCountInString(s), most)
	case strings.TrimSpace(s) != s:
		return invalid(field, "begins or ends with a blank")
	case strings.ContainsFunc(s, isInvisible):
		return invalid(field, "has a control character or an invisible one")
	}
	return nil
}

// isInvisible reports whether r could make two texts look alike that differ, or
// do something else than show.
func isInvisible(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) ||
		r == '\u200b' || r == '\u2060' || r == '\ufeff'
}

// CheckAPI returns an *FieldError error if s can't be the name of an API: 1 to
// MaxAPI letters, digits, dots, hyphens and underscores, a letter or digit first.
func CheckAPI(s string) error {
	ok := s != "" && len(s) <= MaxAPI && isAlnum(s[0])
	for i := 0; ok && i < len(s); i++ {
		ok = isAlnum(s[i]) || s[i] == '.' || s[i] == '-' || s[i] == '_'
	}
	if !ok {
		return invalid("api", "%q is not a name for an API; use 1 to %d letters, digits, '.', '-' and '_'", s, MaxAPI)
	}
	return nil
}
