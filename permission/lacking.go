package permission

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// maxAsked is how long values may be, in bytes, to be told: clients choose them.
const maxAsked = 256

// Lacking returns the grants of which a token with these would need one for what was
// matched: names of permissions, held to the request's values of whatever its grants are
// held to. So who has record.view app=7 lacks record.view app=8.
func (c *Catalog) Lacking(m Match, grants []string) []string {
	var held []string
	for _, text := range grants {
		if g, err := parseGrant(text); err == nil {
			for _, f := range g.fixes {
				held = append(held, f.capture)
			}
		}
	}
	lacking := c.Names(m)
	for i, n := range m.numbers {
		if values := c.fixesOf(m, n, held); len(values) <= maxAsked {
			lacking[i] += values
		}
	}
	return lacking
}

// fixesOf returns the values that the match has of some captures, as a grant of the
// permission fixes them: " app=8".
func (c *Catalog) fixesOf(m Match, n int32, captures []string) (text string) {
	for _, op := range c.operationsOf(m, n) {
		if !op.does(m) {
			continue
		}
		var fixes []string
		for _, name := range op.Captures() {
			value, _ := op.captured(m, name)
			if slices.Contains(captures, name) && value != "" && !strings.ContainsFunc(value, unicode.IsControl) {
				fixes = append(fixes, " "+name+"="+url.PathEscape(value))
			}
		}
		if told := strings.Join(fixes, ""); len(told) > len(text) { // nearer than an operation for everything below a path
			text = told
		}
	}
	return text
}

// operationsOf returns those by which a permission of the match counts: its own, or of
// the one that requires it.
func (c *Catalog) operationsOf(m Match, n int32) []Operation {
	if m.IsRequired() {
		return m.more.requiredBy.Operations
	}
	return c.permissions[n].Operations
}

// Almost says which permissions have what was matched if it had the parameters that
// they go by: "record.edit has it with app in the JSON body". It is empty if there are none.
func (c *Catalog) Almost(m Match) string {
	if m.more == nil {
		return ""
	}
	var names []string
	ways := map[string][]string{} // with what each has it
	for _, n := range m.more.parametrics {
		p := &c.parametrics[n]
		name, way := c.permissions[p.permission].Name, p.operation.without(m)
		if way == "" {
			continue
		}
		if ways[name] == nil {
			names = append(names, name)
		}
		if !slices.Contains(ways[name], way) {
			ways[name] = append(ways[name], way)
		}
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = name + " has it with " + strings.Join(ways[name], " or ")
	}
	return strings.Join(texts, ", ")
}

// without names the parameters that the match does not have.
func (o Operation) without(m Match) string {
	var names []string
	for _, p := range o.Parameters {
		if _, there := m.value(p); there {
			continue
		}
		place := " in the query"
		if p.Place == InJSON {
			place = " in the JSON body"
		}
		names = append(names, p.Name+place)
	}
	return strings.Join(names, " and ")
}
