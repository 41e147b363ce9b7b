package graphql

import (
	"errors"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// parse reads the root fields of all operations of a document.
func (r *Reader) parse(text string) ([]Field, *Error) {
	tokens, failure := lex(text, &r.limits)
	if failure != nil {
		return nil, failure
	}
	// A parser that sees more tokens than the lexer splits the text otherwise.
	parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, max(tokens, 1))
	if err != nil {
		return nil, syntaxError(err)
	}
	d := document{limits: &r.limits, fragments: make(map[string]*fragment, len(parsed.Fragments))}
	if err := d.check(parsed); err != nil {
		return nil, err
	}
	for _, op := range parsed.Operations {
		d.collect(Kind(op.Operation), op.SelectionSet)
	}
	return d.roots.fields, nil
}

// syntaxError puts the parser's words into ours. They quote the document, which
// may be long.
func syntaxError(err error) *Error {
	var at *gqlerror.Error
	if !errors.As(err, &at) || len(at.Locations) == 0 {
		return unreadable("the GraphQL document can't be read: %.160s", err)
	}
	return unreadable("the GraphQL document can't be read at line %d, column %d: %.160s", at.Locations[0].Line, at.Locations[0].Column, at.Message)
}

// document is what is known of one while it is read. There is no schema, so a type
// condition rules nothing out, and nor do @skip and @include: all fields count.
type document struct {
	limits    *Limits
	fragments map[string]*fragment
	aliases   int
	roots     fieldSet
}

type fragment struct {
	set       ast.SelectionSet
	entered   bool // its depth is being measured
	measured  bool
	depth     int
	collected []Kind // whose root fields have its fields already
}

// check refuses what servers read in different ways or not at all, and what is
// over the limits.
func (d *document) check(parsed *ast.QueryDocument) *Error {
	if err := d.checkOperations(parsed.Operations); err != nil {
		return err
	}
	for _, f := range parsed.Fragments {
		switch {
		case d.fragments[f.Name] != nil:
			return unreadable("the GraphQL document has two fragments %.40s; name them apart", f.Name)
		case len(f.VariableDefinition) > 0: // an experiment that most servers refuse
			return unreadable("the fragment %.40s of the GraphQL document has variables; move them to the operation", f.Name)
		}
		d.fragments[f.Name] = &fragment{set: f.SelectionSet}
	}
	for _, f := range parsed.Fragments {
		if _, err := d.measureFragment(f.Name); err != nil {
			return err
		}
	}
	for _, op := range parsed.Operations {
		if _, err := d.measure(op.SelectionSet); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) checkOperations(operations ast.OperationList) *Error {
	switch {
	case len(operations) == 0:
		return unreadable("the GraphQL document has no operation; write one, such as { articles { id } }")
	case len(operations) > d.limits.Operations:
		return tooLarge("operations", int64(d.limits.Operations), "document has", "operations", "split it up")
	}
	seen := make(map[string]bool, len(operations))
	for _, op := range operations {
		switch {
		case op.Name == "" && len(operations) > 1:
			return unreadable("the GraphQL document has an operation without a name among others; name all of them")
		case seen[op.Name]:
			return unreadable("the GraphQL document has two operations %.40s; name them apart", op.Name)
		}
		seen[op.Name] = true
	}
	return nil
}

// measure returns how deep a selection set nests with fragments filled in. It
// visits each selection of the document once, and recurses no deeper than the
// document has tokens.
func (d *document) measure(set ast.SelectionSet) (int, *Error) {
	deepest := 0
	for _, selection := range set {
		depth, err := 0, (*Error)(nil)
		switch s := selection.(type) {
		case *ast.Field:
			if s.Alias != s.Name {
				d.aliases++
			}
			depth, err = d.measure(s.SelectionSet)
		case *ast.InlineFragment:
			depth, err = d.measure(s.SelectionSet)
			depth-- // it stands for its selections
		case *ast.FragmentSpread:
			depth, err = d.measureFragment(s.Name)
			depth--
		}
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, depth)
	}
	switch {
	case len(set) == 0: // a field without selections
		return 0, nil
	case d.aliases > d.limits.Aliases:
		return 0, tooLarge("aliases", int64(d.limits.Aliases), "document has", "aliases", "ask for less at once")
	case deepest+1 > d.limits.Depth:
		return 0, tooDeep(d.limits.Depth)
	}
	return deepest + 1, nil
}

func (d *document) measureFragment(name string) (int, *Error) {
	f := d.fragments[name]
	switch {
	case f == nil:
		return 0, unreadable("the GraphQL document has no fragment %.40s; add it, or don't spread it", name)
	case f.measured:
		return f.depth, nil
	case f.entered:
		return 0, unreadable("the fragment %.40s of the GraphQL document contains itself; break the circle", name)
	}
	f.entered = true
	depth, err := d.measure(f.set)
	f.measured, f.depth = true, depth
	return depth, err
}

// collect adds the fields of a selection set to the root fields. The document has
// passed check, so that all fragments are there and none contains itself.
func (d *document) collect(kind Kind, set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			d.roots.add(Field{Kind: kind, Name: s.Name})
		case *ast.InlineFragment:
			d.collect(kind, s.SelectionSet)
		case *ast.FragmentSpread:
			if f := d.fragments[s.Name]; f.enter(kind) {
				d.collect(kind, f.set)
			}
		}
	}
}

// enter reports whether the fragment's fields are yet to be collected for the kind.
func (f *fragment) enter(kind Kind) bool {
	if slices.Contains(f.collected, kind) {
		return false
	}
	f.collected = append(f.collected, kind)
	return true
}

// fieldSet has each field once, in order.
type fieldSet struct {
	fields []Field
	index  map[Field]bool // made when there are too many to look through
}

const fewFields = 16

func (s *fieldSet) add(f Field) {
	if s.has(f) {
		return
	}
	s.fields = append(s.fields, f)
	if s.index != nil {
		s.index[f] = true
	} else if len(s.fields) > fewFields {
		s.index = make(map[Field]bool, 4*fewFields)
		for _, f := range s.fields {
			s.index[f] = true
		}
	}
}

func (s *fieldSet) has(f Field) bool {
	if s.index != nil {
		return s.index[f]
	}
	return slices.Contains(s.fields, f)
}
