package ui

import (
	"bytes"
	"encoding/json"
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
	r := e.request(secret)
	return []snippet{{"curl", "curl", r.curl()}, {"javascript", "JavaScript", r.javaScript()}, {"python", "Python", r.python()}}
}

// request is what is written in the words of each program.
type request struct {
	method, at, body string
	headers          [][2]string
}

// request returns the request with the secret, in a header or in the address.
func (e *example) request(secret string) request {
	r := request{method: e.Method, at: e.Address + e.Path, body: e.Body}
	switch {
	case e.Place.Scheme != "":
		r.headers = append(r.headers, [2]string{"Authorization", e.Place.Scheme + " " + secret})
	case e.Place.Header != "":
		r.headers = append(r.headers, [2]string{e.Place.Header, secret})
	default:
		separator := "?"
		if strings.Contains(e.Path, "?") {
			separator = "&"
		}
		r.at += separator + url.QueryEscape(e.Place.Query) + "=" + url.QueryEscape(secret)
	}
	if r.body != "" {
		r.headers = append(r.headers, [2]string{"Content-Type", "application/json"})
	}
	return r
}

func (r *request) curl() string {
	words := []string{"curl"}
	switch r.method {
	case http.MethodGet:
	case http.MethodHead:
		words = append(words, "-I") // with -X it would wait for a body
	default:
		words = append(words, "-X", r.method)
	}
	for _, header := range r.headers {
		words = append(words, "-H", shellQuoted(header[0]+": "+header[1]))
	}
	if r.body != "" {
		words = append(words, "-d", shellQuoted(r.body))
	}
	return strings.Join(append(words, shellQuoted(r.at)), " ")
}

// shellQuoted quotes for a shell: doubly if that will do, since Windows knows no
// single quotes.
func shellQuoted(s string) string {
	if strings.ContainsAny(s, "\"$`\\!%") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return `"` + s + `"`
}

func (r *request) javaScript() string {
	var options []string
	if r.method != http.MethodGet {
		options = append(options, "  method: "+quoted(r.method)+",\n")
	}
	if len(r.headers) > 0 {
		options = append(options, "  headers: { "+quotedPairs(r.headers)+" },\n")
	}
	if r.body != "" {
		options = append(options, "  body: "+quoted(r.body)+",\n")
	}
	rest := ""
	if len(options) > 0 {
		rest = ", {\n" + strings.Join(options, "") + "}"
	}
	return "const response = await fetch(" + quoted(r.at) + rest + ");\nconsole.log(response.status, await response.text());"
}

func (r *request) python() string {
	rest := ""
	if len(r.headers) > 0 {
		rest += ", headers={" + quotedPairs(r.headers) + "}"
	}
	if r.body != "" {
		rest += ", data=" + quoted(r.body) + ".encode()"
	}
	if r.method != http.MethodGet {
		rest += ", method=" + quoted(r.method)
	}
	return "from urllib.request import Request, urlopen\n\nrequest = Request(" + quoted(r.at) + rest + ")\n" +
		"with urlopen(request) as response:\n    print(response.status, response.read().decode())"
}

func quotedPairs(pairs [][2]string) string {
	var all []string
	for _, pair := range pairs {
		all = append(all, quoted(pair[0])+": "+quoted(pair[1]))
	}
	return strings.Join(all, ", ")
}

// quoted writes a text as JavaScript, Python and JSON all read it.
func quoted(s string) string {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	_ = to.Encode(s) // a string can be
	return strings.TrimSuffix(text.String(), "\n")
}
