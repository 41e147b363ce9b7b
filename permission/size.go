package permission

import "fmt"

// MaxSegments is how many segments the path of a new grant can have.
const MaxSegments = 32

// maxEffort is the bound, beside effortPerNode, of what new grants take: who may make tokens
// can make many. What does not overlap stays far below it, however much it is.
const maxEffort = 50_000

// CheckTogether returns an error if one of the grants can't be read, or if together they are
// too much to be matched, which is the same for every catalog. Compile takes more: what was
// stored before this bound goes on working.
func CheckTogether(grants []string) error {
	_, err := new(Catalog).compile(grants, maxEffort)
	return err
}

// CheckSegments returns an error if the grant writes out a path that is too long to be new.
// What else is wrong with it, CheckGrant says.
func CheckSegments(text string) error {
	g, err := parseGrant(text)
	if n := len(g.operation.Pattern.segments); err == nil && n > MaxSegments {
		return fmt.Errorf("at most %d segments are allowed in a path, and there are %d in %s", MaxSegments, n, text)
	}
	return nil
}

// Size is about how many bytes of memory the grants take, their text included.
func (g *Grants) Size() int { return g.size }

func (g *Grants) measure() int {
	const word, text, value, several, written, segment, parameter = 8, 16, 96, 48, 128, 32, 48
	n := word*len(g.permissions) + segment*len(g.fixes)
	for _, t := range g.texts {
		n += text + len(t)
	}
	if g.operations != nil {
		n += g.operations.size
	}
	if g.fixed != nil {
		n += value * len(g.fixed.one)
		for _, list := range g.fixed.several {
			n += several * len(list)
		}
	}
	if g.written != nil {
		n += g.written.paths.size
		for _, w := range g.written.list {
			n += written + segment*(len(w.operation.Pattern.segments)+len(w.fixes)) + parameter*len(w.operation.Parameters)
		}
	}
	return n
}
