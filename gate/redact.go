package gate

import (
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/token"
)

// Redacted stands for a credential that was taken out of a text. It is the word
// that Caddy writes for credentials too.
const Redacted = "REDACTED"

// minSecretRest is how many characters behind the prefix make a text a secret
// or a part of one that tells something. The hint of a token has none.
const minSecretRest = 8

// Redactor takes credentials out of what is written about requests: what looks
// like a minted secret, wherever it stands, and whatever stands in the place of
// a source. It takes names for a source's more loosely than Extract and Strip,
// since a word too many that is gone from a log does no harm. It is never
// changed, so it is safe for concurrent use; the nil Redactor knows no sources.
type Redactor struct {
	headers []string // folded
	queries []string // folded
	schemes Sources  // with nothing but schemes
	initial [256]bool
}

// With returns a redactor that knows these sources too, or r itself if it does.
func (r *Redactor) With(s *Sources) *Redactor {
	with := &Redactor{}
	if r != nil {
		*with = *r
	}
	for _, h := range s.headers {
		with.headers = with.withName(with.headers, h.name)
	}
	for _, name := range s.queries {
		with.queries = with.withName(with.queries, name)
	}
	for _, scheme := range s.schemes {
		if !slices.ContainsFunc(with.schemes.schemes, func(other string) bool { return strings.EqualFold(other, scheme) }) {
			with.schemes.schemes = append(slices.Clip(with.schemes.schemes), scheme)
			with.markInitial(authorization[0])
		}
	}
	if r != nil && len(with.headers) == len(r.headers) && len(with.queries) == len(r.queries) && len(with.schemes.schemes) == len(r.schemes.schemes) {
		return r
	}
	return with
}

const authorization = "authorization" // folded

func (r *Redactor) withName(names []string, name string) []string {
	name = foldHeader(name)
	if slices.Contains(names, name) {
		return names
	}
	r.markInitial(name[0])
	return append(slices.Clip(names), name)
}

// markInitial notes a byte with which names begin, so that most positions of a
// text need no more than one look. Encoded ones begin with '%'.
func (r *Redactor) markInitial(c byte) {
	r.initial[c], r.initial['%'] = true, true
	if c >= 'a' && c <= 'z' {
		r.initial[c-'a'+'A'] = true
	}
}

// Value redacts what stands under a name: one value of a header, of a parameter,
// or of a field in a log.
func (r *Redactor) Value(name, value string) string {
	switch {
	case r == nil || value == "":
	case isFolded(name, authorization) || isFolded(name, "proxy-authorization"):
		if rest, ours := r.schemes.cutScheme(value); ours {
			return value[:len(value)-len(rest)] + " " + Redacted
		}
	case r.Names(name) && !token.IsID(value): // a log can have the id of a token under the name "token"
		return Redacted
	}
	return r.Text(value)
}

// Names reports whether a name is that of a header or of a parameter that is a source.
func (r *Redactor) Names(name string) bool {
	if r == nil || name == "" || !r.initial[name[0]] {
		return false
	}
	same := func(folded string) bool { return isFolded(name, folded) }
	return slices.ContainsFunc(r.headers, same) || slices.ContainsFunc(r.queries, same)
}

func isFolded(name, folded string) bool {
	if len(name) != len(folded) {
		return false
	}
	for i := range len(name) {
		if foldHeaderByte(name[i]) != folded[i] {
			return false
		}
	}
	return true
}

// Text redacts what looks like a minted secret, and the values of parameters and
// headers that are written out in a text. It returns the text itself if there is
// nothing to redact.
func (r *Redactor) Text(text string) string {
	text, _ = r.redact(text)
	return text
}

// redact is Text. It says too how often it looked at a character: clients
// arrange what is logged, so that must be a multiple of the length at most.
func (r *Redactor) redact(text string) (redacted string, looks int) {
	s := scan{Redactor: r, decode: decodeDeeply}
	if strings.IndexByte(text, '%') >= 0 {
		text = replace(text, s.minted)
	} else {
		text = replace(text, s.plain)
	}
	if r == nil || !strings.ContainsAny(text, "=:%") {
		return text, s.looks
	}
	s = scan{Redactor: r, decode: decodeName, looks: s.looks}
	text = replace(text, s.next)
	if strings.Contains(text, "%25") { // an address within an address
		s = scan{Redactor: r, decode: decodeDeeply, looks: s.looks}
		text = replace(text, s.next)
	}
	return text, s.looks
}

// Minted redacts what looks like a minted secret in bytes that are of any
// format, and in place. It changes letters, digits and '_' only, so what was
// JSON stays JSON.
func Minted(b []byte) []byte {
	kept, from := b[:0], 0
	for {
		start, end := plainMinted(b, from)
		if end == 0 {
			break
		}
		kept = append(append(kept, b[from:start]...), Redacted...) // shorter than any secret
		from = end
	}
	if from == 0 {
		return b
	}
	return append(kept, b[from:]...)
}

// replace puts Redacted in the place of all that next finds: the first part of
// the text behind from, up to end, which is 0 if there is none.
func replace(text string, next func(text string, from int) (start, end int)) string {
	start, end := next(text, 0)
	if end == 0 {
		return text
	}
	var b strings.Builder
	from := 0
	for ; end > 0; start, end = next(text, from) {
		b.WriteString(text[from:start])
		b.WriteString(Redacted)
		from = end
	}
	b.WriteString(text[from:])
	return b.String()
}
