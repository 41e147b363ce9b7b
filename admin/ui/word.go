package ui

import (
	"bytes"
	"net/http"
)

// Word is a short page for a person on the way in, for what stands beside these pages.
type Word struct {
	Title, Text string
	Again       string // where to try it again; may be empty
	Next        string // where the browser goes by itself; may be empty
}

// Say answers a word, with the headers of all pages.
func Say(w http.ResponseWriter, status int, word Word) error {
	var text bytes.Buffer
	if err := pages["word"].ExecuteTemplate(&text, "layout", &page{Title: "sign-in.title", Body: word, Next: word.Next}); err != nil {
		return err
	}
	protect(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // who went away misses nothing
	return nil
}
