package permission

// Paths is a set of paths with all that is below them, in every spelling that a
// lenient server may serve.
type Paths struct{ folded automaton }

// anyMethod stands for all methods in the rules of Paths.
const anyMethod = "*"

// NewPaths makes a set of the paths of patterns. It returns an error if they
// overlap in too many ways.
func NewPaths(patterns []Pattern) (*Paths, error) {
	b := newBuilder()
	for i, p := range patterns {
		if last := len(p.segments) - 1; last >= 0 && p.segments[last] == (segment{}) {
			p.segments = p.segments[:last] // /graphql/ is /graphql, and / is everything
		}
		if len(p.segments) > 0 {
			b.addFolded(Operation{Method: anyMethod, Pattern: p}, int32(i))
		}
		p.tail = true
		b.addFolded(Operation{Method: anyMethod, Pattern: p}, int32(i))
	}
	a, err := b.build()
	return &Paths{a}, err
}

// Cover reports whether the set has the path, which is in the normal form of CheckURL.
func (p *Paths) Cover(path string) bool { return p.folded.findFolded(anyMethod, path) }
