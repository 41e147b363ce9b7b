package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// snippet is a request to paste into a terminal or a program.
type snippet struct {
	ID, Title string // Title is a name, such as Python
	Text      string
}

func (e *example) snippets(secret string) []snippet {
	at, header, value := e.request(secret)
	return []snippet{
		{"curl", "curl", curl(e.Method, at, header, value)},
		{"javascript", "JavaScript", javaScript(e.Method, at, header, value)},
		{"python", "Python", python(e.Method, at, header, value)},
	}
}

// request returns the address, and the header that has the secret; both are empty
// if it goes into the address.
func (e *example) request(secret string) (at, header, value string) {
	at = e.Address + e.Path
	switch {
	case e.Place.Scheme != "":
		return at, "Authorization", e.Place.Scheme + " " + secret
	case e.Place.Header != "":
		return at, e.Place.Header, secret
	default:
		return at + "?" + url.QueryEscape(e.Place.Query) + "=" + url.QueryEscape(secret), "", ""
	}
}

func curl(method, at, header, value string) string {
	words := []string{"curl"}
	if method != http.MethodGet {
		words = append(words, "-X", method)
	}
	if header != "" {
		words = append(words, "-H", shellQuoted(header+": "+value))
	}
	return strings.Join(append(words, shellQuoted(at)), " ")
}

// shellQuoted quotes for a shell: doubly if that will do, since Windows knows no
// single quotes.
func shellQuoted(s string) string {
	if strings.ContainsAny(s, "\"$`\\!%") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return `"` + s + `"`
}

func javaScript(method, at, header, value string) string {
	var options []string
	if method != http.MethodGet {
		options = append(options, "  method: "+quoted(method)+",\n")
	}
	if header != "" {
		options = append(options, fmt.Sprintf("  headers: { %s: %s },\n", quoted(header), quoted(value)))
	}
	rest := ""
	if len(options) > 0 {
		rest = ", {\n" + strings.Join(options, "") + "}"
	}
	return "const response = await fetch(" + quoted(at) + rest + ");\nconsole.log(response.status, await response.text());"
}

func python(method, at, header, value string) string {
	rest := ""
	if header != "" {
		rest += fmt.Sprintf(", headers={%s: %s}", quoted(header), quoted(value))
	}
	if method != http.MethodGet {
		rest += ", method=" + quoted(method)
	}
	return "from urllib.request import Request, urlopen\n\nrequest = Request(" + quoted(at) + rest + ")\n" +
		"with urlopen(request) as response:\n    print(response.status, response.read().decode())"
}

// quoted writes a text as JavaScript, Python and JSON all read it.
func quoted(s string) string {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	_ = to.Encode(s) // a string can be
	return strings.TrimSuffix(text.String(), "\n")
}
