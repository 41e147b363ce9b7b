package admin

import (
	"net/url"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
)

// cover tells which grants a list of grants includes. In doubt it includes none.
type cover struct {
	list    []string
	catalog *permission.Catalog
	grants  *permission.Grants // nil if the list can't be compiled
	deepest int                // segments of the longest pattern
}

func newCover(catalog *permission.Catalog, list []string) *cover {
	c := &cover{list: list, catalog: catalog}
	c.grants, _ = catalog.Compile(list) // one that can't be read includes nothing
	for _, p := range catalog.Permissions() {
		for _, op := range p.Operations {
			c.deepest = max(c.deepest, strings.Count(op.String(), "/"))
		}
	}
	for _, grant := range list {
		c.deepest = max(c.deepest, strings.Count(grant, "/"))
	}
	return c
}

// has reports whether whoever has the list has the grant as well. A permission
// is only included by its name or by its whole resource, since what it stands
// for can change; an operation also by others that match everything it matches.
//
// A grant that fixes values is included by the same one that fixes none, or only
// some of them: record.view covers record.view app=7, and not the other way round.
func (c *cover) has(grant string) bool {
	if slices.Contains(c.list, grant) {
		return true
	}
	base, fixes := permission.CutFixes(grant)
	for _, wider := range c.list {
		widerBase, widerFixes := permission.CutFixes(wider)
		if includesAll(fixes, widerFixes) && (widerBase == base || includesName(widerBase, base)) {
			return true
		}
	}
	op, err := permission.ParseOperation(base)
	return err == nil && c.grants != nil && c.matches(op)
}

func includesAll(list, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(list, s) })
}

// includesName reports whether a grant of a whole resource includes a permission.
func includesName(wider, name string) bool {
	return permission.CheckName(name) == nil && wider == permission.Resource(name)+".*"
}

func (c *cover) matches(op permission.Operation) bool {
	for _, path := range paths(op, c.deepest+1) {
		if !c.grants.Allow(c.catalog.Find(op.Method, path)) {
			return false
		}
	}
	return true
}

// anySegment can stand in no pattern, so only what stands for every segment matches it.
const anySegment = "\x01"

// paths returns examples of what the operation matches that stand for all of it:
// whatever patterns of at most so many segments match these match everything.
func paths(op permission.Operation, deepest int) []string {
	text := op.Pattern.String()
	if permission.IsKind(op.Method) {
		return []string{"/" + strings.Replace(text, "*", anySegment, 1)}
	}
	rest, tail := strings.CutSuffix(text, "/*")
	segments := strings.Split(rest, "/") // the first is empty, in front of the first slash
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = anySegment
		} else if literal, err := url.PathUnescape(segment); err == nil {
			segments[i] = literal
		}
	}
	path := strings.Join(segments, "/")
	if !tail {
		return []string{path}
	}
	var all []string
	if path == "" {
		all = append(all, "/")
	}
	for range max(1, deepest) {
		path += "/" + anySegment
		all = append(all, path, path+"/")
	}
	return all
}
