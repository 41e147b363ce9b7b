package caddymodule

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// keepPrivate keeps the answer to a request with a token out of shared caches: a
// cache in front of the gate would hand it to whoever asks next, without a token.
// RFC 9111, section 3.5, forbids that for requests with Authorization alone, and
// not where the backend says public. What the backend says comes behind it, and
// the most restrictive directive holds (section 4.2.1). value must be for this
// answer alone.
func keepPrivate(h http.Header, value *[1]string) {
	if before := h["Cache-Control"]; len(before) > 0 {
		h["Cache-Control"] = append(slices.Clip(before), "private")
		return
	}
	value[0] = "private"
	h["Cache-Control"] = value[:]
}

// unseenWriter keeps answers to requests with a token in the URL out of all
// caches, and the URL out of Referer headers, whatever the backend says.
type unseenWriter struct {
	*caddyhttp.ResponseWriterWrapper
}

func keepUnseen(w http.ResponseWriter) http.ResponseWriter {
	setUnseen(w.Header())
	return &unseenWriter{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
}

func setUnseen(h http.Header) {
	h.Set("Cache-Control", "private, no-store")
	h.Set("Referrer-Policy", "no-referrer")
}

// WriteHeader sends the header of the answer, made unseen.
func (u *unseenWriter) WriteHeader(status int) {
	setUnseen(u.Header())
	u.ResponseWriterWrapper.WriteHeader(status)
}
