package caddymodule

import (
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// caddysNames are short names that the Caddyfile writes out before a directive sees
// them: {host} is {http.request.host}. In operations they are names like others.
var caddysNames = []string{
	"host", "hostport", "port", "orig_method", "orig_uri", "orig_path", "orig_dir", "orig_file", "orig_query", "method", "uri", "path", "dir",
	"file", "query", "remote", "remote_host", "remote_port", "scheme", "uuid", "tls_cipher", "tls_version", "tls_client_fingerprint",
	"tls_client_issuer", "tls_client_serial", "tls_client_subject", "upstream_hostport", "client_ip",
}

// asWritten returns a text of the Caddyfile with its short names as they were written:
// grants fix values by these.
func asWritten(text string) string { return shortNames().Replace(text) }

var shortNames = sync.OnceValue(func() *strings.Replacer {
	var pairs []string
	caddys := httpcaddyfile.NewShorthandReplacer()
	for _, name := range caddysNames {
		written := "{" + name + "}"
		segment := caddyfile.Segment{{Text: written}}
		caddys.ApplyToSegment(&segment)
		pairs = append(pairs, segment[0].Text, written)
	}
	return strings.NewReplacer(pairs...)
})
