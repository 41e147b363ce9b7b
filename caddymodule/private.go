package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// privateWriter keeps answers to requests with a token in the URL out of shared
// caches, and the URL out of Referer headers, whatever the backend says.
type privateWriter struct {
	*caddyhttp.ResponseWriterWrapper
}

func keepPrivate(w http.ResponseWriter) http.ResponseWriter {
	setPrivate(w.Header())
	return &privateWriter{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
}

func setPrivate(h http.Header) {
	h.Set("Cache-Control", "private, no-store")
	h.Set("Referrer-Policy", "no-referrer")
}

// WriteHeader sends the header of the answer, made private.
func (p *privateWriter) WriteHeader(status int) {
	setPrivate(p.Header())
	p.ResponseWriterWrapper.WriteHeader(status)
}
