package gate

import (
	"net/http"
	"strings"
)

// bodyKind is what all servers take a body for, as far as parameters can be in it.
type bodyKind int

const (
	otherKind bodyKind = iota
	untypedKind
	textKind // in which there are servers that look for JSON all the same
	jsonKind
	formKind
	multipartKind
)

// bodyKindOf says by its Content-Type what a body is. It refuses one that is JSON to
// some servers and a form, or something else, to others: those that look for the
// word anywhere, and those that read the type alone.
func bodyKindOf(h http.Header) (bodyKind, error) {
	form, err := formTypeOf(h)
	if err != nil {
		return otherKind, errParameterType
	}
	value, _ := contentType(h)
	value = strings.ToLower(value)
	kind, params, _ := strings.Cut(value, ";")
	kind = strings.TrimRight(kind, " \t")
	isJSON := form == noForm && (kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json"))
	multipart := form == formMultipart || form == otherMultipart // whose boundary can be any word
	switch {
	case value == "":
		return untypedKind, nil
	case isJSON:
		return jsonKind, nil
	case strings.Contains(kind, "json") || !multipart && strings.Contains(params, "json"):
		return otherKind, errParameterType
	case multipart:
		return multipartKind, nil
	case form == formUrlencoded:
		return formKind, nil
	case strings.HasPrefix(kind, "text/"):
		return textKind, nil
	}
	return otherKind, nil
}
