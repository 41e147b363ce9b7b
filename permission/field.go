package permission

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The kinds of GraphQL operations. With the name of a root field each is an
// operation as a method with a path is. They stand in the place of the method, so no HTTP
// request may have one of them as its method.
const (
	Query        = "query"
	Mutation     = "mutation"
	Subscription = "subscription"
)

// IsKind reports whether the method of an operation is a kind of GraphQL operations.
func IsKind(method string) bool {
	return method == Query || method == Mutation || method == Subscription
}

// fieldName is a Name of the GraphQL specification (October 2021, section 2.1.9).
var fieldName = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

// parseField parses what stands behind the kind: the name of a root field, or *
// for all of them.
func parseField(kind, name string) (Operation, error) {
	switch {
	case name == "*":
		return Operation{Method: kind, Pattern: Pattern{text: name, tail: true}}, nil
	case !fieldName.MatchString(name):
		return Operation{}, fmt.Errorf("%q is not the name of a root field; write for example %s articles, or %s * for all", name, kind, kind)
	}
	return Operation{Method: kind, Pattern: Pattern{text: name, segments: []segment{{literal: name}}}}, nil
}

// key is under what the operation is matched in the place of the method.
func (o Operation) key() string {
	if len(o.Pattern.segments) > 0 {
		return keyOf(o.Method, o.Pattern.segments[0].literal)
	}
	return o.Method
}

// keyOf keeps the fields of introspection apart, so that * does not include
// them: who may read everything need not see the schema.
func keyOf(kind, name string) string {
	if IsKind(kind) && strings.HasPrefix(name, "__") {
		return kind + "__"
	}
	return kind
}

func (m Match) key() string {
	if len(m.Path) < 2 || m.Path[1] != '_' { // nearly always
		return m.Method
	}
	return keyOf(m.Method, m.Path[1:])
}

// FindField looks up what a GraphQL operation does by one of its root fields.
func (c *Catalog) FindField(kind, name string) Match { return c.Find(kind, "/"+name) }

// String returns the operation as it is written in grants.
func (m Match) String() string {
	if IsKind(m.Method) {
		return m.Method + " " + strings.TrimPrefix(m.Path, "/")
	}
	return m.Method + " " + m.Path
}

// addFields adds to the permissions of a REST resource the root fields that
// Strapi derives from the same content type: articles, article, createArticle and
// so on, from the last segment of the path and the name of the resource.
func addFields(permissions []Permission, name, path string) error {
	plural := camel(path[strings.LastIndexByte(path, '/')+1:])
	singular := camel(name)
	if !fieldName.MatchString(plural) || !fieldName.MatchString(singular) {
		return fmt.Errorf("no names of GraphQL fields can be derived from %s and %s; write them out in permissions", name, path)
	}
	title := strings.ToUpper(singular[:1]) + singular[1:]
	find := []string{"query " + plural, "query " + plural + "_connection"}
	if !slices.ContainsFunc(permissions, func(p Permission) bool { return p.Name == name+".create" }) {
		find = []string{"query " + singular} // there is one of it only
	}
	fields := map[string][]string{
		".find":     find,
		".find_one": {"query " + singular},
		".create":   {"mutation create" + title},
		".update":   {"mutation update" + title},
		".delete":   {"mutation delete" + title},
	}
	for i, p := range permissions {
		for _, text := range fields[strings.TrimPrefix(p.Name, name)] {
			op, err := ParseOperation(text)
			if err != nil {
				return err
			}
			permissions[i].Operations = append(permissions[i].Operations, op)
		}
	}
	return nil
}

// camel turns blog-post into blogPost.
func camel(s string) string {
	var b strings.Builder
	upper := false
	for _, c := range s {
		switch {
		case c == '-' || c == ' ':
			upper = b.Len() > 0
			continue
		case upper:
			c = unicode.ToUpper(c)
		}
		upper = false
		b.WriteRune(c)
	}
	return b.String()
}
