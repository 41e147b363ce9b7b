package permission

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// OpeningKind names something that is refused in every request, but for the
// routes that open it.
type OpeningKind string

// The closed list of what a route can open. All but the last two are about paths.
const (
	EncodedSlash     OpeningKind = "encoded_slash"     // %2F
	EncodedPercent   OpeningKind = "encoded_percent"   // %25, but not in front of two hexadecimal digits
	EncodedDelimiter OpeningKind = "encoded_delimiter" // %3F and %23
	Semicolon        OpeningKind = "semicolon"         // ; and %3B
	// MethodOverride is a header or parameter by which a request asks for another
	// method than the one in its request line.
	MethodOverride OpeningKind = "method_override"
	// PostAsGet says that the backend takes a POST with X-HTTP-Method-Override: GET for
	// a GET whose parameters are in the body: it is decided on as one, and as nothing else.
	PostAsGet OpeningKind = "post_as_get"
)

var openingKinds = []OpeningKind{EncodedSlash, EncodedPercent, EncodedDelimiter, Semicolon, MethodOverride, PostAsGet}

// Opening lets something in on the paths of a pattern that is refused elsewhere.
type Opening struct {
	Kind OpeningKind `json:"kind"`
	Path Pattern     `json:"path"`
}

// Openings are those of one gate.
type Openings []Opening

// Check returns an error if one of the openings can't be, or is there twice.
func (o Openings) Check() error {
	seen := map[string]bool{}
	for _, opening := range o {
		name := string(opening.Kind) + " " + opening.Path.text
		switch {
		case !slices.Contains(openingKinds, opening.Kind):
			return fmt.Errorf("%q is nothing that can be opened; use one of %s", opening.Kind, kindNames())
		case opening.Path.text == "":
			return fmt.Errorf("%s is opened for no path", opening.Kind)
		case seen[name]:
			return fmt.Errorf("%s is opened twice", name)
		}
		seen[name] = true
	}
	return nil
}

func kindNames() string {
	names := make([]string, len(openingKinds))
	for i, kind := range openingKinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// Opens reports whether one of the openings is of the kind and covers all paths.
func (o Openings) Opens(kind OpeningKind, paths ...string) bool {
	return slices.ContainsFunc(o, func(opening Opening) bool {
		return opening.Kind == kind && !slices.ContainsFunc(paths, func(path string) bool { return !opening.Path.Covers(path) })
	})
}

// Readings returns the path of u as CheckURL does, or, for one that CheckURL
// refuses and an opening lets in, every reading that servers have for it: with
// %2F as a part of its segment and as a slash, with parameters behind ; and
// without them. Whoever makes the request must be allowed all of them, and
// none of them may leave the route that is open. A path that needs two
// openings is refused: there would be too many readings.
func (o Openings) Readings(u *url.URL) ([]string, error) {
	path, err := CheckURL(u)
	if err == nil {
		return []string{path}, nil
	}
	var problem *PathError
	raw := u.EscapedPath()
	if !errors.As(err, &problem) || problem.Opening == "" || u.RawPath != "" && u.RawPath != raw {
		return nil, err
	}
	if !slices.ContainsFunc(o, func(opening Opening) bool { return opening.Kind == problem.Opening }) {
		return nil, err
	}
	readings, otherwise := problem.Opening.readings(raw)
	if other, ok := errors.AsType[*PathError](otherwise); ok && other.Opening != "" {
		return nil, pathError(fmt.Sprintf("needs both %s and %s to be open, and a path may use one", problem.Opening, other.Opening), "")
	}
	if otherwise != nil {
		return nil, otherwise
	}
	// What has empty segments is below the route if it is there without them.
	inside := slices.DeleteFunc(slices.Clone(readings), func(path string) bool { return strings.Contains(path, "//") })
	if !o.Opens(problem.Opening, inside...) {
		return nil, pathError(problem.Problem+", and is or can be read as a path on which the gate does not open that", problem.Opening)
	}
	return readings, nil
}

// AsOpen reports whether a path has nothing that is refused but what the openings
// let in for another one: it may be that one before a prefix was removed.
func AsOpen(u, open *url.URL) bool {
	kind := openingOf(open)
	if kind == "" || openingOf(u) != kind {
		return false
	}
	_, err := kind.readings(u.EscapedPath())
	return err == nil
}

// openingOf returns what a path needs to be open, if that is enough for it.
func openingOf(u *url.URL) OpeningKind {
	_, err := CheckURL(u)
	problem, ok := errors.AsType[*PathError](err)
	if !ok || u.RawPath != "" && u.RawPath != u.EscapedPath() {
		return ""
	}
	return problem.Opening
}

// Each kind as it stands in a path, made harmless, so that the rest can be checked.
var (
	maskSlash     = strings.NewReplacer("%2F", "x", "%2f", "x")
	maskPercent   = strings.NewReplacer("%25", "x")
	maskDelimiter = strings.NewReplacer("%3F", "x", "%3f", "x", "%23", "x")
	maskSemicolon = strings.NewReplacer(";", "x", "%3B", "x", "%3b", "x")
	keepSlash     = strings.NewReplacer("%2F", "%252F", "%2f", "%252F")
)

// readings returns all readings of a path that has what the kind opens. The
// first is decoded once, but for %2F: no pattern has a % in it, so that one
// can't be confused with anything.
func (k OpeningKind) readings(raw string) (readings []string, err error) {
	kept := raw
	switch k {
	case EncodedSlash:
		if err = checkRaw(maskSlash.Replace(raw)); err != nil {
			return nil, err
		}
		kept = keepSlash.Replace(raw)
	case EncodedPercent:
		err = checkRaw(maskPercent.Replace(raw))
	case EncodedDelimiter:
		err = checkRaw(maskDelimiter.Replace(raw))
	case Semicolon:
		err = checkRaw(maskSemicolon.Replace(raw))
	case MethodOverride, PostAsGet:
	}
	if err != nil {
		return nil, err
	}
	if kept, err = url.PathUnescape(kept); err != nil {
		return nil, err
	}
	others, err := k.others(raw, kept)
	readings = []string{kept}
	for _, other := range others {
		if !slices.Contains(readings, other) {
			readings = append(readings, other)
		}
	}
	return readings, err
}

// others returns how servers read a path that do more than decode it once.
func (k OpeningKind) others(raw, kept string) ([]string, error) {
	switch k {
	case EncodedSlash:
		split := strings.ReplaceAll(kept, "%2F", "/")
		merged := mergeSlashes(split)
		return []string{split, merged}, checkDecoded(merged)
	case EncodedPercent:
		return nil, checkTwice(kept)
	case EncodedDelimiter:
		at := strings.IndexAny(kept, "?#")
		if strings.Contains(kept[at:], "=") { // who ends the path there has parameters then
			return nil, errQuery
		}
		return []string{kept[:at]}, checkDecoded(kept[:at])
	case Semicolon:
		return cutEverywhere(raw, kept)
	case MethodOverride, PostAsGet:
	}
	return nil, nil
}

// cutEverywhere returns the readings of a path with semicolons: with the
// parameters of the last segment or of all segments cut off, before the path is
// decoded or after it, and with all that is behind the first one.
func cutEverywhere(raw, kept string) ([]string, error) {
	last, err1 := url.PathUnescape(cutLastParameters(raw))
	each, err2 := url.PathUnescape(cutParameters(raw))
	all := cutParameters(kept)
	first, _, _ := strings.Cut(kept, ";")
	return []string{last, each, cutLastParameters(kept), all, first}, errors.Join(err1, err2, checkDecoded(all))
}

// checkRaw checks a path as it would be sent.
func checkRaw(raw string) error {
	path, err := url.PathUnescape(raw)
	if err != nil {
		return err
	}
	_, err = CheckURL(&url.URL{Path: path, RawPath: raw})
	return err
}

func mergeSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// checkTwice refuses what a second decoding would change, also by the escapes
// of old IIS (%u002e).
func checkTwice(path string) error {
	for i := range len(path) {
		if path[i] != '%' {
			continue
		}
		digits := path[i+1:]
		if digits != "" && (digits[0] == 'u' || digits[0] == 'U') {
			digits = digits[1:]
		}
		if len(digits) >= 2 && isHex(digits[0]) && isHex(digits[1]) {
			return errTwice
		}
	}
	return nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// cutParameters reads a path as servlet containers do: the parameters of each
// segment are not part of the path.
func cutParameters(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i], _, _ = strings.Cut(parts[i], ";")
	}
	return strings.Join(parts, "/")
}

// cutLastParameters reads a path as RFC 2396's users do: only the last segment
// has parameters.
func cutLastParameters(path string) string {
	slash := strings.LastIndexByte(path, '/')
	last, _, _ := strings.Cut(path[slash:], ";")
	return path[:slash] + last
}
