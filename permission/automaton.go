package permission

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// automaton finds the rules whose operation matches a method and a path. It
// takes one step for each segment, whatever the number of rules: patterns that
// overlap were merged when it was built, so nothing is tried twice.
type automaton struct {
	start *state
	size  int // about how many bytes the states take
}

// state is reached by the segments read so far.
type state struct {
	literals branches[state]
	other    *state // for a segment that is none of the literals
	empty    *state // for nothing behind a trailing slash
	accepts  []acceptance
}

// acceptance lists the rules that match if the path ends here.
type acceptance struct {
	method string
	rules  []int32 // the most specific first
}

// find returns the rules that match, by the numbers under which they were
// added. path is in the normal form of CheckURL.
func (a *automaton) find(method, path string) []int32 {
	if path == "" {
		return nil
	}
	s := a.start
	for rest := path[1:]; s != nil; {
		segment := rest
		end := strings.IndexByte(rest, '/')
		if end >= 0 {
			segment, rest = rest[:end], rest[end+1:]
		}
		s = s.next(segment)
		if end < 0 {
			break
		}
	}
	if s == nil {
		return nil
	}
	for i := range s.accepts {
		if s.accepts[i].method == method {
			return s.accepts[i].rules
		}
	}
	return nil
}

// size is about how many bytes the state takes, with its share of what it leads to.
func (s *state) size() int {
	const own, branch, method, rule = 80, 48, 44, 4
	n := own + branch*len(s.literals.several) + method*len(s.accepts)
	for _, a := range s.accepts {
		n += rule * len(a.rules)
	}
	return n
}

func (s *state) next(segment string) *state {
	if segment == "" {
		return s.empty
	}
	if next := s.literals.at(segment); next != nil {
		return next
	}
	return s.other
}

// branches are what literal segments lead to. Most places have one or none, so only where
// there are several is a map.
type branches[T any] struct {
	literal string
	only    *T
	several map[string]*T
}

// at returns nil for a segment that none of the literals is.
func (b *branches[T]) at(segment string) *T {
	switch {
	case b.several != nil:
		return b.several[segment]
	case b.only != nil && b.literal == segment:
		return b.only
	}
	return nil
}

func (b *branches[T]) set(literal string, to *T) {
	switch {
	case b.several != nil:
		b.several[literal] = to
	case b.only == nil || b.literal == literal:
		b.literal, b.only = literal, to
	default:
		b.several = map[string]*T{b.literal: b.only, literal: to}
	}
}

func (b *branches[T]) all(yield func(string, *T) bool) {
	if b.several == nil {
		if b.only != nil {
			yield(b.literal, b.only)
		}
		return
	}
	for literal, to := range b.several {
		if !yield(literal, to) {
			return
		}
	}
}

// node is a place in the tree of patterns, before overlaps are merged.
type node struct {
	id       uint32
	literals branches[node]
	any      *node // below a capture
	below    *node // below a final /*
	loops    bool  // is itself such a tail: every further segment stays here
	rules    []rule
	alone    *state // of a path that is here and nowhere else, once it is built
}

type rule struct {
	method string
	number int32
	rank   int // how many paths it matches, in comparison: fewer first
}

// builder collects patterns in a tree and turns it into an automaton by the
// subset construction: a state stands for all nodes that a path can be at.
type builder struct {
	root   *node
	nodes  uint32
	rules  int
	effort int
	most   int               // effort; 0 is as much as effortPerNode allows
	size   int               // of the states
	states map[string]*state // of several nodes, by these
}

func newBuilder() *builder {
	b := &builder{states: map[string]*state{}}
	b.root = b.newNode()
	return b
}

func (b *builder) newNode() *node {
	b.nodes++
	return &node{id: b.nodes}
}

// add makes the operation match as the rule of the given number.
func (b *builder) add(op Operation, number int32) {
	n, rank := b.root, 0
	for _, seg := range op.Pattern.segments {
		next := &n.any
		if seg.capture == "" {
			child := n.literals.at(seg.literal)
			next = &child
		} else {
			rank++
		}
		if *next == nil {
			*next = b.newNode()
			if seg.capture == "" {
				n.literals.set(seg.literal, *next)
			}
		}
		n = *next
	}
	if op.Pattern.tail {
		if n.below == nil {
			n.below = b.newNode()
			n.below.loops = true
		}
		// Behind every rule without a tail; the longer the way there, the nearer.
		n, rank = n.below, rank+(MaxPath-len(op.Pattern.segments))*MaxPath
	}
	b.rules++
	n.rules = append(n.rules, rule{op.key(), number, rank})
	if op.Method == "GET" {
		// HEAD is GET without the body (RFC 9110, section 9.3.2).
		n.rules = append(n.rules, rule{"HEAD", number, rank})
	}
}

// effortPerNode bounds the merging: each pair of patterns that overlap adds
// states, and patterns made for it could add exponentially many. What is
// counted is time and memory: the nodes and rules of all states together.
const effortPerNode = 50

// build returns the automaton, or an error if the patterns overlap too much.
func (b *builder) build() (automaton, error) {
	start, err := b.state([]*node{b.root})
	return automaton{start, b.size}, err
}

// buildAny is build, or nil if there is nothing to find.
func (b *builder) buildAny() (*automaton, error) {
	if b.nodes == 1 {
		return nil, nil
	}
	a, err := b.build()
	return &a, err
}

func (b *builder) state(nodes []*node) (*state, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	var key string
	known := nodes[0].alone
	if len(nodes) > 1 {
		key = subsetKey(nodes)
		known = b.states[key]
	}
	if known != nil {
		return known, nil
	}
	for _, n := range nodes {
		b.effort += 1 + len(n.rules)
	}
	if b.effort > effortPerNode*(int(b.nodes)+b.rules+20) || b.most > 0 && b.effort > b.most {
		return nil, fmt.Errorf("the patterns overlap in too many ways; use fewer captures in front of literal segments")
	}
	s := &state{accepts: accepts(nodes)}
	if len(nodes) > 1 {
		b.states[key] = s
	} else {
		nodes[0].alone = s
	}
	err := b.connect(s, nodes)
	b.size += s.size()
	return s, err
}

// connect builds the states behind s.
func (b *builder) connect(s *state, nodes []*node) (err error) {
	if s.other, err = b.state(after(nodes, nil)); err != nil {
		return err
	}
	if s.empty, err = b.state(b.afterSlash(nodes)); err != nil {
		return err
	}
	for _, n := range nodes {
		for literal := range n.literals.all {
			if literal == "" || s.literals.at(literal) != nil {
				continue
			}
			next, err := b.state(after(nodes, &literal))
			if err != nil {
				return err
			}
			s.literals.set(literal, next)
		}
	}
	return nil
}

// after returns the nodes that a non-empty segment leads to: the given literal,
// or with nil one that no pattern spells out here.
func after(nodes []*node, literal *string) []*node {
	var next []*node
	for _, n := range nodes {
		if literal != nil {
			next = appendNodes(next, n.literals.at(*literal))
		}
		next = appendNodes(next, n.any, n.below)
		if n.loops {
			next = appendNodes(next, n)
		}
	}
	return next
}

// afterSlash returns the nodes that nothing behind a trailing slash leads to. A
// final /* means something below: /articles/* has no say over /articles/, which
// many servers take for /articles. Only /* alone has nothing above it.
func (b *builder) afterSlash(nodes []*node) []*node {
	var next []*node
	for _, n := range nodes {
		next = appendNodes(next, n.literals.at(""))
		if n.loops {
			next = appendNodes(next, n)
		}
		if n == b.root {
			next = appendNodes(next, n.below)
		}
	}
	return next
}

// appendNodes appends those of the nodes that exist. None is in the list yet: a
// node has one parent, and a state that holds a tail is past the tail's parent.
func appendNodes(list []*node, more ...*node) []*node {
	for _, n := range more {
		if n != nil {
			list = append(list, n)
		}
	}
	return list
}

func subsetKey(nodes []*node) string {
	slices.SortFunc(nodes, func(a, b *node) int { return cmp.Compare(a.id, b.id) })
	var key []byte
	for _, n := range nodes {
		key = binary.BigEndian.AppendUint32(key, n.id)
	}
	return string(key)
}

func accepts(nodes []*node) []acceptance {
	var rules []rule
	for _, n := range nodes {
		rules = append(rules, n.rules...)
	}
	slices.SortFunc(rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number))
	})
	var out []acceptance
	for _, r := range rules {
		i := slices.IndexFunc(out, func(a acceptance) bool { return a.method == r.method })
		if i < 0 {
			i = len(out)
			out = append(out, acceptance{method: r.method})
		}
		if !slices.Contains(out[i].rules, r.number) {
			out[i].rules = append(out[i].rules, r.number)
		}
	}
	return out
}
