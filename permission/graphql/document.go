package graphql

import "slices"

// parse reads the root fields of all operations of a document.
func (r *Reader) parse(text string) ([]Field, *Error) {
	x := lexer{text: text}
	tokens, err := x.all(&r.limits)
	if err != nil {
		return nil, err
	}
	fields, err := r.roots(text, tokens)
	if err != nil || x.longComment < 0 {
		return fields, err
	}
	if !r.covers(fields, text) {
		x.at = x.longComment
		return nil, x.lineEnd()
	}
	return fields, nil
}

// covers reports whether the fields are all that a text does as graphql-ruby has it,
// whose comments end at a line feed alone, or nothing is left of it there.
func (r *Reader) covers(fields []Field, text string) bool {
	x := lexer{text: text, lineFeeds: true}
	tokens, err := x.all(&r.limits)
	if err != nil || len(tokens) == 1 {
		return err == nil
	}
	others, err := r.roots(text, tokens)
	return err == nil && !slices.ContainsFunc(others, func(f Field) bool { return !slices.Contains(fields, f) })
}

// roots parses the tokens of a text.
func (r *Reader) roots(text string, tokens []lexeme) ([]Field, *Error) {
	p := parser{text: text, tokens: tokens}
	if p.document(); p.err != nil {
		return nil, p.err
	}
	return p.doc.roots(&r.limits)
}

// document is what a document does. There is no schema, so a type condition rules
// nothing out, and nor do @skip and @include: all fields count.
type document struct {
	definitions []definition
	selections  []selection // of all definitions, one after the other
	aliases     int
}

// definition is an operation, or a fragment.
type definition struct {
	kind  Kind // empty for a fragment
	name  string
	first int // of its selections in those of the document; the next definition's first ends them
	depth int // how deep its selection sets nest; with fragments filled in once it is measured

	entered   bool // it is being measured
	measured  bool
	collected []Kind // whose root fields have the fragment's fields already
}

// selection is a field at the root of a definition, or a fragment that is spread
// anywhere in it.
type selection struct {
	name   string
	spread bool
	level  int // of the selection set that has it; 1 is the root
}

// begin adds a definition. What is noted next belongs to it.
func (d *document) begin(kind Kind, name string) {
	d.definitions = append(d.definitions, definition{kind: kind, name: name, first: len(d.selections)})
}

// reaches notes that the definition has a selection set at a level.
func (d *document) reaches(level int) {
	last := &d.definitions[len(d.definitions)-1]
	last.depth = max(last.depth, level)
}

// does notes a field at the root of the definition.
func (d *document) does(name string) {
	d.selections = append(d.selections, selection{name: name, level: 1})
}

// spreads notes a fragment in the definition.
func (d *document) spreads(name string, level int) {
	d.selections = append(d.selections, selection{name: name, spread: true, level: level})
}

// of returns the selections of a definition.
func (d *document) of(i int) []selection {
	if i+1 < len(d.definitions) {
		return d.selections[d.definitions[i].first:d.definitions[i+1].first]
	}
	return d.selections[d.definitions[i].first:]
}

// roots refuses what servers read in different ways or not at all, and what is
// over the limits, and returns the root fields of all operations.
func (d *document) roots(limits *Limits) ([]Field, *Error) {
	if err := d.checkOperations(limits); err != nil {
		return nil, err
	}
	f := fragments{document: d, limits: limits}
	if err := f.check(); err != nil {
		return nil, err
	}
	var roots fieldSet
	for i := range d.definitions {
		if kind := d.definitions[i].kind; kind != "" {
			f.collect(&roots, kind, i)
		}
	}
	return roots.fields, nil
}

func (d *document) checkOperations(limits *Limits) *Error {
	count, unnamed := 0, false
	for i := range d.definitions {
		if d.definitions[i].kind != "" {
			count++
			unnamed = unnamed || d.definitions[i].name == ""
		}
	}
	switch {
	case count == 0:
		return unreadable("the GraphQL document has no operation; write one, such as { articles { id } }")
	case count > limits.Operations:
		return tooLarge("operations", int64(limits.Operations), "document has", "operations", "split it up")
	case count == 1:
		return nil
	case unnamed:
		return unreadable("the GraphQL document has an operation without a name among others; name all of them")
	}
	seen := make(map[string]bool, count)
	for i := range d.definitions {
		switch op := &d.definitions[i]; {
		case op.kind == "":
		case seen[op.name]:
			return unreadable("the GraphQL document has two operations %.40s; name them apart", op.name)
		default:
			seen[op.name] = true
		}
	}
	return nil
}

// fragments fills those of a document in.
type fragments struct {
	*document

	limits *Limits
	index  map[string]int // by name; of the definitions
}

// check refuses fragments that are missing, there twice or in themselves, and
// documents that nest too deep with them filled in.
func (f *fragments) check() *Error {
	for i := range f.definitions {
		d := &f.definitions[i]
		if d.kind != "" {
			continue
		}
		if _, twice := f.index[d.name]; twice {
			return unreadable("the GraphQL document has two fragments %.40s; name them apart", d.name)
		}
		if f.index == nil {
			f.index = make(map[string]int)
		}
		f.index[d.name] = i
	}
	if f.aliases > f.limits.Aliases {
		return tooLarge("aliases", int64(f.limits.Aliases), "document has", "aliases", "ask for less at once")
	}
	for i := range f.definitions {
		if err := f.measure(i); err != nil {
			return err
		}
	}
	return nil
}

// measure finds out how deep a definition nests. It looks at each selection of the
// document once.
func (f *fragments) measure(i int) *Error {
	d := &f.definitions[i]
	switch {
	case d.measured:
		return nil
	case d.entered:
		return unreadable("the fragment %.40s of the GraphQL document contains itself; break the circle", d.name)
	}
	d.entered = true
	for _, s := range f.of(i) {
		if !s.spread {
			continue
		}
		at, there := f.index[s.name]
		if !there {
			return unreadable("the GraphQL document has no fragment %.40s; add it, or don't spread it", s.name)
		}
		if err := f.measure(at); err != nil {
			return err
		}
		d.depth = max(d.depth, s.level-1+f.definitions[at].depth) // it stands for its selections
	}
	if d.depth > f.limits.Depth {
		return tooDeep(f.limits.Depth)
	}
	d.measured = true
	return nil
}

// collect adds what a definition does to the root fields of a kind. The fragments
// have passed check, so that all are there and none contains itself.
func (f *fragments) collect(roots *fieldSet, kind Kind, i int) {
	for _, s := range f.of(i) {
		switch {
		case s.level > 1:
		case !s.spread:
			roots.add(Field{Kind: kind, Name: s.name})
		default:
			at := f.index[s.name]
			if d := &f.definitions[at]; !slices.Contains(d.collected, kind) {
				d.collected = append(d.collected, kind)
				f.collect(roots, kind, at)
			}
		}
	}
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
