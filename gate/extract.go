package gate

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/token"
)

// Place is the kind of a source: which part of a request it looks at.
type Place string

// The closed list of places.
const (
	Authorization Place = "authorization" // Authorization: <name> <credential>
	Header        Place = "header"        // <name>: <credential>
	Query         Place = "query"         // ?<name>=<credential>
)

// Source is one place in which credentials may stand.
type Source struct {
	Place Place  `json:"place"`
	Name  string `json:"name"`           // the scheme, the header or the parameter
	List  bool   `json:"list,omitempty"` // a header that takes several, by commas or repeated lines
}

// DefaultSources are those of a gate that names none. A query source is never
// a default: it leaks into histories and logs.
func DefaultSources() []Source {
	return []Source{{Place: Authorization, Name: "Bearer"}, {Place: Header, Name: "X-API-Key"}}
}

// DefaultMaxTokens is how many credentials a list may hold if nothing else is configured.
const DefaultMaxTokens = 9

// Sources finds and removes the credentials of requests.
type Sources struct {
	schemes   []string
	headers   []headerSource
	queries   []string
	maxTokens int
}

type headerSource struct {
	name string // canonical
	list bool
}

// NewSources checks the given sources and makes them ready. It refuses names
// that can't stand in their place and repeated sources.
func NewSources(list []Source, maxTokens int) (*Sources, error) {
	s := &Sources{maxTokens: maxTokens}
	for i, source := range list {
		for _, other := range list[:i] {
			if other.Place == source.Place && strings.EqualFold(other.Name, source.Name) {
				return nil, fmt.Errorf("source %s %s is named twice", source.Place, source.Name)
			}
		}
		if err := s.add(source); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Sources) add(source Source) error {
	if source.List && source.Place != Header {
		return fmt.Errorf("only a header source can hold a list")
	}
	if !isHTTPToken(source.Name) || !isAlnum(source.Name[0]) || len(source.Name) > maxRemovedName {
		return fmt.Errorf("%q can't name a source; use at most %d letters, digits, '-' and '_', a letter or digit first", source.Name, maxRemovedName)
	}
	switch source.Place {
	case Authorization:
		s.schemes = append(s.schemes, source.Name)
	case Header:
		name := textproto.CanonicalMIMEHeaderKey(source.Name)
		if slices.Contains([]string{"Authorization", "Connection", "Host", "Cookie", "Upgrade", "Content-Length", "Transfer-Encoding"}, name) {
			return fmt.Errorf("header %s can't be a source; for Authorization write: authorization <scheme>", name)
		}
		s.headers = append(s.headers, headerSource{name, source.List})
	case Query:
		s.queries = append(s.queries, source.Name)
	default:
		return fmt.Errorf("%q is not a source; use authorization, header or query", source.Place)
	}
	return nil
}

// isHTTPToken reports whether s is a token of RFC 9110, section 5.6.2, as
// schemes and header names are.
func isHTTPToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(isAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// Credentials are the secrets of one source of a request, each once. They are
// candidates: nobody has looked them up yet.
type Credentials struct {
	First     string
	Rest      []string
	FromQuery bool
}

// Extract finds the credentials of a request. It returns a reason to refuse
// the request if there are none, or more or others than there may be: one
// source a request (security rule 4), whatever the others hold.
func (s *Sources) Extract(r *http.Request) (Credentials, Reason) {
	var found Credentials
	sources := 0
	if reason := s.fromAuthorization(r.Header["Authorization"], &found, &sources); reason != "" {
		return found, reason
	}
	for i := range s.headers {
		if reason := s.fromHeader(&s.headers[i], r.Header[s.headers[i].name], &found, &sources); reason != "" {
			return found, reason
		}
	}
	if len(s.queries) > 0 && r.URL.RawQuery != "" {
		if reason := s.fromQuery(r.URL.RawQuery, &found, &sources); reason != "" {
			return found, reason
		}
	}
	switch {
	case sources == 0:
		return found, NoCredential
	case sources > 1:
		return found, AmbiguousCredential
	}
	return found, ""
}

func (s *Sources) fromAuthorization(values []string, found *Credentials, sources *int) Reason {
	if len(values) == 0 || len(s.schemes) == 0 {
		return ""
	}
	if len(values) > 1 {
		return AmbiguousCredential
	}
	rest, ours := s.cutScheme(values[0])
	if !ours {
		if s.hidesOurs(values[0]) {
			return AmbiguousCredential
		}
		return "" // somebody else's, for the backend
	}
	credential := strings.TrimLeft(rest, " ")
	if credential == "" {
		return ""
	}
	if first := strings.TrimLeft(values[0], " \t")[:1]; rest[0] != ' ' || !isHTTPToken(first) {
		return MalformedCredential
	}
	return take(credential, found, sources)
}

// cutScheme returns what follows a configured scheme in the value of an
// Authorization header. It need not be well-formed: "Bearer:x" stands in the
// place as well and must be neither used nor forwarded. Nor does anything in front
// hide it that no scheme begins with: Go's HTTP/2 server leaves blanks there, its
// HTTP/1 client takes them off, and other servers take off others.
func (s *Sources) cutScheme(value string) (rest string, ours bool) {
	for value != "" && !isHTTPToken(value[:1]) {
		value = value[1:]
	}
	for _, scheme := range s.schemes {
		if len(value) >= len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) &&
			(len(value) == len(scheme) || !isHTTPToken(value[len(scheme):len(scheme)+1])) {
			return value[len(scheme):], true
		}
	}
	return "", false
}

// hidesOurs reports whether one of our schemes stands behind a comma or semicolon
// in the value of another: servers that read lists there would take it.
func (s *Sources) hidesOurs(value string) bool {
	for member := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ',' || c == ';' }) {
		if rest, ours := s.cutScheme(member); ours && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
			return true
		}
	}
	return false
}

func (s *Sources) fromHeader(h *headerSource, values []string, found *Credentials, sources *int) Reason {
	if len(values) == 0 {
		return ""
	}
	if h.list {
		return s.fromList(values, found, sources)
	}
	if len(values) > 1 {
		return AmbiguousCredential
	}
	if values[0] == "" {
		return ""
	}
	return take(values[0], found, sources)
}

// fromList reads a header that takes several credentials, separated by commas
// or in lines of their own (RFC 9110, section 5.3). Empty members are skipped,
// repeated ones are one.
func (s *Sources) fromList(values []string, found *Credentials, sources *int) Reason {
	members := 0
	var list Credentials
	for _, value := range values {
		for member := range strings.SplitSeq(value, ",") {
			member = strings.Trim(member, " \t")
			if member == "" {
				continue
			}
			if members++; members > s.maxTokens {
				return TooManyCredentials
			}
			if !wellSized(member) {
				return MalformedCredential
			}
			switch {
			case list.First == "":
				list.First = member
			case list.First != member && !slices.Contains(list.Rest, member):
				list.Rest = append(list.Rest, member)
			}
		}
	}
	if members > 0 {
		*sources++
		*found = list
	}
	return ""
}

// take notes the one credential of a source.
func take(credential string, found *Credentials, sources *int) Reason {
	if !wellSized(credential) {
		return MalformedCredential
	}
	*sources++
	found.First = credential
	return ""
}

// wellSized refuses what is too long to be hashed for nothing. Whether the
// credential is well-formed is asked when it is not a known one.
func wellSized(credential string) bool { return len(credential) <= token.MaxForeignSecret }
