// Package permission holds what requests can do and what tokens may do:
// operations, permissions, catalogs and grants, the one normal form of a path,
// and matching whose cost depends on the length of the path alone.
package permission

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Mark overrides how a permission counts for read-only tokens.
type Mark string

// The closed list of marks.
const (
	// Unmarked goes by the method: GET, HEAD and OPTIONS read, all others write.
	Unmarked Mark = ""
	// Read makes operations count as reading, such as a search by POST.
	Read Mark = "read"
	// Write makes operations count as writing, such as a legacy GET /delete.
	Write Mark = "write"
)

// Permission is a name for a set of operations.
type Permission struct {
	Name       string      `json:"name"` // "article.find": resource, dot, action
	Mark       Mark        `json:"mark,omitempty"`
	Operations []Operation `json:"operations"`
	// Requires names permissions that whoever runs one of the operations must have
	// as well, for the same values: an update that answers with the whole record.
	// One such as "record.add if json:upsert" is needed for requests whose JSON body has
	// that, with any value but false.
	Requires []string `json:"requires,omitempty"`
	// Bulk are the paths of requests that hold several others, as kintone has them: such
	// a POST does what these do.
	Bulk []Pattern `json:"bulk,omitempty"`
}

// Captures returns the names of the values that grants of the permission can fix, sorted.
func (p Permission) Captures() []string {
	names := []string{}
	for _, op := range p.Operations {
		names = append(names, op.Captures()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var nameFormat = regexp.MustCompile(`^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)+$`)

// CheckName returns an error if s can't name a permission. Names are also scope
// tokens in WWW-Authenticate (RFC 6750, section 3), so they have neither blanks
// nor quotes.
func CheckName(s string) error {
	if !nameFormat.MatchString(s) {
		return fmt.Errorf("%q can't name a permission; write resource.action, such as article.find", s)
	}
	return nil
}

// Resource returns the first part of a permission's name.
func Resource(name string) string {
	resource, _, _ := strings.Cut(name, ".")
	return resource
}
