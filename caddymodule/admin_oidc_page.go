package caddymodule

import (
	"bytes"
	htmltemplate "html/template"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// page is a short page for a person on the way from or to a provider.
type page struct {
	Title, Text string
	Again       string // where to try it again
	Next        string // where the browser goes by itself
}

// pageSignedIn goes on by a page of ours: a redirect would still be part of a way that
// began at the provider, and browsers send no strict cookie along such a way.
var pageSignedIn = page{Title: "Signed in", Text: "You are signed in.", Next: "/"}

var pageTemplate = htmltemplate.Must(htmltemplate.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{{with .Next}}<meta http-equiv="refresh" content="0; url={{.}}">
{{end}}<title>{{.Title}} – Tokenreeve</title>
</head>
<body>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{with .Again}}<p><a href="{{.}}">Try again</a></p>
{{end}}{{with .Next}}<p><a href="{{.}}">Go on</a></p>
{{end}}</body>
</html>
`))

func writePage(w http.ResponseWriter, status int, p page) error {
	var text bytes.Buffer
	if err := pageTemplate.Execute(&text, p); err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // who went away misses nothing
	return nil
}
