package graphql

import (
	"fmt"
	"strings"
)

// parser reads a document by the grammar of the GraphQL specification
// (https://spec.graphql.org/September2025/#sec-Language, definitions of types
// aside) and keeps no more of it than what a document does. The lexer has
// bounded how deep its brackets nest, so it may recurse; it also has refused what
// is not a token, so that here only their order can be wrong.
type parser struct {
	text   string
	tokens []lexeme // the last one is the end
	at     int
	doc    document
	err    *Error // the first; with it the parser is at the end
}

// next returns what comes next.
func (p *parser) next() byte { return p.tokens[p.at].kind }

// fail ends the reading.
func (p *parser) fail(err *Error) { p.err, p.at = err, len(p.tokens)-1 }

// expected ends the reading at something else than what should be there.
func (p *parser) expected(what string) {
	if p.err != nil {
		return
	}
	t := p.tokens[p.at]
	found := "ends"
	if t.kind != theEnd {
		found = fmt.Sprintf("has %.40q", p.text[t.start:t.end])
	}
	line, column := place(p.text, t.start)
	p.fail(unreadable("the GraphQL document %s at line %d, column %d, where %s should be", found, line, column, what))
}

// take passes over a token, which must be there.
func (p *parser) take(kind byte, what string) {
	if p.next() != kind {
		p.expected(what)
		return
	}
	p.at++
}

// skip passes over a token if it is there.
func (p *parser) skip(kind byte) bool {
	if p.next() != kind {
		return false
	}
	p.at++
	return true
}

// word returns the name that comes next, if one does, and passes over nothing.
func (p *parser) word() string {
	t := p.tokens[p.at]
	if t.kind != aName {
		return ""
	}
	return p.text[t.start:t.end]
}

func (p *parser) name(what string) string {
	name := p.word()
	p.take(aName, what)
	return name
}

// more reports whether another item follows, or else passes over the closing
// bracket. Where neither can be, both are named: one of them was forgotten.
func (p *parser) more(closer byte, starts string, what string) bool {
	switch next := p.next(); {
	case p.err != nil || p.skip(closer):
		return false
	case strings.IndexByte(starts, next) < 0:
		p.expected(what)
		return false
	}
	return true
}

// document reads all definitions.
func (p *parser) document() {
	for p.err == nil && p.next() != theEnd {
		described := p.skip(aString)
		switch kind := Kind(p.word()); {
		case kind == Query, kind == Mutation, kind == Subscription:
			p.at++
			p.operation(kind)
		case kind == "fragment":
			p.at++
			p.fragment()
		case p.next() == '{' && !described:
			p.doc.begin(Query, "")
			p.selectionSet(1)
		default:
			p.expected("an operation or a fragment")
		}
	}
}

func (p *parser) operation(kind Kind) {
	name := p.word()
	p.skip(aName)
	for more := p.skip('('); more; more = p.more(')', `$"`, "another variable or )") {
		p.variable()
	}
	p.directives()
	p.doc.begin(kind, name)
	p.selectionSet(1)
}

func (p *parser) fragment() {
	name := p.fragmentName()
	if p.next() == '(' { // an experiment that most servers refuse
		p.fail(unreadable("the fragment %.40s of the GraphQL document has variables; move them to the operation", name))
	}
	if p.word() != "on" {
		p.expected(`"on" and a type`)
	}
	p.skip(aName)
	p.name("a type")
	p.directives()
	p.doc.begin("", name)
	p.selectionSet(1)
}

func (p *parser) fragmentName() string {
	if p.word() == "on" {
		p.expected("the name of a fragment")
	}
	return p.name("the name of a fragment")
}

func (p *parser) variable() {
	p.skip(aString)
	p.take('$', "a variable")
	p.name("the name of a variable")
	p.take(':', "a colon")
	p.typeReference()
	if p.skip('=') {
		p.constant()
	}
	p.directives()
}

func (p *parser) typeReference() {
	if p.skip('[') {
		p.typeReference()
		p.take(']', "a closing bracket")
	} else {
		p.name("a type")
	}
	p.skip('!')
}

func (p *parser) directives() {
	for p.skip('@') {
		p.name("the name of a directive")
		p.arguments()
	}
}

func (p *parser) arguments() {
	for more := p.skip('('); more; more = p.more(')', "a", "another argument or )") {
		p.name("the name of an argument")
		p.take(':', "a colon")
		p.value()
	}
}

func (p *parser) value() { p.literal((*parser).value, true) }

func (p *parser) constant() { p.literal((*parser).constant, false) }

// literal reads a value; inner reads those inside of it.
func (p *parser) literal(inner func(*parser), variables bool) {
	switch kind := p.next(); {
	case kind == aName, kind == aNumber, kind == aString:
		p.at++
	case kind == '$' && variables:
		p.at++
		p.name("the name of a variable")
	case kind == '[':
		for p.at++; p.more(']', `a0"${[`, "a value or ]"); {
			inner(p)
		}
	case kind == '{':
		for p.at++; p.more('}', "a", "the name of a field or }"); {
			p.name("the name of a field")
			p.take(':', "a colon")
			inner(p)
		}
	default:
		p.expected("a value")
	}
}

// selectionSet reads a selection set at a level: 1 is that of the definition
// itself, whose fields are what it does.
func (p *parser) selectionSet(level int) {
	p.doc.reaches(level)
	p.take('{', "a selection of fields")
	for more := true; more; more = p.more('}', "a.", "another field or }") {
		if p.skip(theDots) {
			p.spread(level)
		} else {
			p.field(level)
		}
	}
}

func (p *parser) field(level int) {
	name := p.name("a field")
	if p.skip(':') {
		alias := name
		if name = p.name("a field"); name != alias {
			p.doc.aliases++
		}
	}
	if level == 1 {
		p.doc.does(name)
	}
	p.arguments()
	p.directives()
	if p.next() == '{' {
		p.selectionSet(level + 1)
	}
}

// spread reads what follows three dots: the name of a fragment, or a selection
// set that stands for its selections.
func (p *parser) spread(level int) {
	if name := p.word(); name != "" && name != "on" {
		p.at++
		p.doc.spreads(name, level)
		p.directives()
		return
	}
	if p.skip(aName) {
		p.name("a type")
	}
	p.directives()
	p.selectionSet(level)
}
