package rest

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// NothingPolicy is the Content-Security-Policy of answers that are no pages.
const NothingPolicy = "default-src 'none'; frame-ancestors 'none'"

// StrictHeaders sets what holds for every answer of the management: nobody keeps
// it, frames it, guesses its type, or hears of its address. policy is its
// Content-Security-Policy.
func StrictHeaders(h http.Header, policy string) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// Hosts are names under which the management answers. "*.example.com" is every
// name right below it.
type Hosts []string

// Include reports whether the Host of a request is one of the names, or none that
// somebody else could give away: of loopback, or an IP address. Else a page of any
// site could have its own name resolve to this server, and its scripts would be of
// the same origin (DNS rebinding).
func (h Hosts) Include(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	name := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || IsLoopback(name) {
		return true
	}
	_, parent, below := strings.Cut(name, ".")
	for _, known := range h {
		if known = strings.ToLower(known); known == name || below && known == "*."+parent {
			return true
		}
	}
	return false
}

// IsLoopback reports whether only programs on this machine come under a name or
// address, which is in lower case.
func IsLoopback(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
