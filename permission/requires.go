package permission

import (
	"fmt"
	"slices"
	"strings"
)

// requirement is a permission that is needed beside another one.
type requirement struct {
	permission int32
	// flag is what a request must have for it to be needed; without a name, it always is.
	flag Parameter
}

// RequiredName returns the permission that a requirement such as "record.view" or
// "record.add if json:upsert" is for, or an error if it can't be read.
func RequiredName(requirement string) (string, error) {
	name, _, err := parseRequirement(requirement)
	return name, err
}

// parseRequirement parses "record.view", which is always needed, and
// "record.add if json:upsert".
func parseRequirement(text string) (name string, flag Parameter, err error) {
	name, condition, conditional := strings.Cut(text, " if ")
	if err := CheckName(name); err != nil || !conditional {
		return name, Parameter{}, err
	}
	member, ok := strings.CutPrefix(condition, "json:")
	if !ok || !parameterName.MatchString(member) {
		return "", Parameter{}, fmt.Errorf("%q is no condition; write for example if json:upsert", "if "+condition)
	}
	return name, Parameter{Place: Flag, Name: member}, nil
}

// CheckRequires refuses requirements that can't be read, and those that say nothing
// beside another: a repeated one, and one with a condition for what is always needed.
func (p Permission) CheckRequires() error {
	flags := map[string][]Parameter{} // by the name of the permission
	for _, text := range p.Requires {
		name, flag, err := parseRequirement(text)
		if err != nil {
			return fmt.Errorf("permission %s requires %q: %w", p.Name, text, err)
		}
		if slices.Contains(flags[name], flag) {
			return fmt.Errorf("permission %s requires %s twice", p.Name, text)
		}
		if len(flags[name]) > 0 && (flag.Name == "" || slices.Contains(flags[name], Parameter{})) {
			return fmt.Errorf("permission %s requires %s both always and with a condition; leave one of both out", p.Name, name)
		}
		flags[name] = append(flags[name], flag)
	}
	return nil
}

// Unmet returns the permissions that this one always requires and that none of the grants
// has for values that it is granted for: all requests that need them are refused. own is
// the one of the grants that has this permission.
func (p Permission) Unmet(own string, grants []string) (unmet []string) {
	_, fixes, err := cutFixes(own)
	if err != nil {
		return nil
	}
	for _, text := range p.Requires {
		name, flag, err := parseRequirement(text)
		if err != nil || flag.Name != "" {
			continue
		}
		meets := func(text string) bool {
			g, err := parseGrant(text)
			return err == nil && (g.permission == name || g.resource != "" && g.resource == Resource(name)) && !apart(g.fixes, fixes)
		}
		if !slices.ContainsFunc(grants, meets) {
			unmet = append(unmet, name)
		}
	}
	return unmet
}

// apart reports whether no request has the values of both.
func apart(some, others []fix) bool {
	return slices.ContainsFunc(some, func(f fix) bool {
		return slices.ContainsFunc(others, func(other fix) bool { return f.capture == other.capture && f.value != other.value })
	})
}

// compileRequires refuses names that no other permission has.
func (c *Catalog) compileRequires() error {
	c.requires = make([][]requirement, len(c.permissions))
	for i, p := range c.permissions {
		if err := p.CheckRequires(); err != nil {
			return err
		}
		for _, text := range p.Requires {
			name, flag, err := parseRequirement(text)
			if err != nil {
				return err
			}
			n, ok := c.numbers[name]
			if !ok || name == p.Name {
				return fmt.Errorf("permission %s requires %s, which is no other permission of this API", p.Name, name)
			}
			c.requires[i] = append(c.requires[i], requirement{n, flag})
		}
	}
	return nil
}

// addFlags adds those that decide about what a permission requires.
func (c *Catalog) addFlags(all []Parameter, permission int32) []Parameter {
	for _, r := range c.requires[permission] {
		if r.flag.Name != "" && !slices.Contains(all, r.flag) {
			all = append(all, r.flag)
		}
	}
	return all
}

// Required returns what whoever does what was matched must be allowed as well: the
// permissions that its permissions require, for the same values. Of GraphQL that is all
// that they could: what a field is told stands in no member of the body.
func (c *Catalog) Required(m Match) []Match {
	if IsKind(m.Method) {
		return c.required(m, func(requirement) bool { return true })
	}
	return c.required(m, func(r requirement) bool {
		_, there := m.value(r.flag)
		return there || r.flag.Name == ""
	})
}

func (c *Catalog) required(m Match, counts func(requirement) bool) (required []Match) {
	for _, n := range m.numbers {
		for _, r := range c.requires[n] {
			if !counts(r) {
				continue
			}
			other := Match{Method: m.Method, Path: m.Path, numbers: []int32{r.permission}, more: &more{requiredBy: &c.permissions[n]}}
			if m.more != nil {
				other.more.values = m.more.values
			}
			required = append(required, other)
		}
	}
	return required
}

// IsRequired reports whether the match is one that Required returned.
func (m Match) IsRequired() bool { return m.more != nil && m.more.requiredBy != nil }
