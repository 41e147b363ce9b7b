package gate

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// DefaultIdentityPrefix is the prefix of the headers that tell the backend
// whose request it gets. It is reserved: what clients send under it is removed,
// even if the gate sets other headers or none.
const DefaultIdentityPrefix = "X-Token-"

// overrides make some backends serve another path or method than the one in
// the request line, in the fold of foldHeader (security rule 6).
var overrides = []string{
	"x-http-method-override", "x-http-method", "x-method-override", "x-original-method", "x-forwarded-method",
	"x-original-url", "x-original-uri", "x-original-path", "x-rewrite-url", "x-rewrite-uri", "x-rewrite-path", "x-override-url",
	"x-forwarded-prefix", "x-forwarded-uri", "x-forwarded-path", "x-envoy-original-path", "x-envoy-original-method",
	"x-waws-unencoded-url", "x-proxy-url", "x-script-name", "x-sendfile-type", "x-accel-mapping",
	"x-replaced-path", "x-original-request-uri", "x-forwarded-request-uri", "x-forwarded-path-base", "x-method", "x-request-method",
}

// fromProxies say who a client is, where it calls from and to what. Only a
// trusted proxy may; X-Forwarded-For, -Proto and -Host are in the care of
// Caddy's reverse_proxy.
var fromProxies = []string{
	"forwarded", "x-forwarded-port", "x-forwarded-ssl", "x-forwarded-scheme", "x-forwarded-server",
	"x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "x-original-forwarded-for", "x-originating-ip",
	"x-remote-ip", "x-remote-addr", "x-original-host",
	"remote-user", "x-remote-user", "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups",
	"x-forwarded-preferred-username", "x-auth-request-user", "x-auth-request-email", "x-auth-request-groups",
	"x-auth-request-preferred-username", "x-webauth-user", "remote-groups", "remote-email", "remote-name",
	"client-cert", "client-cert-chain", "x-forwarded-client-cert", "x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info",
	"x-client-cert", "x-client-dn", "x-client-verify", "x-ssl-cert", "x-ssl-client-cert", "x-ssl-client-dn", "x-ssl-client-s-dn",
	"x-ssl-client-verify", "x-authentik-username", "x-authentik-groups", "x-authentik-email", "x-authentik-name", "x-authentik-uid",
	"x-authentik-jwt", "x-authentik-entitlements", "cf-access-authenticated-user-email", "cf-access-jwt-assertion",
	"x-goog-authenticated-user-email", "x-goog-authenticated-user-id", "x-goog-iap-jwt-assertion", "x-ms-client-principal",
	"x-ms-client-principal-id", "x-ms-client-principal-idp", "x-ms-client-principal-name", "x-amzn-oidc-accesstoken",
	"x-amzn-oidc-data", "x-amzn-oidc-identity", "x-amzn-mtls-clientcert", "x-amzn-mtls-clientcert-subject",
	"tailscale-user-login", "tailscale-user-name", "tailscale-user-profile-pic", "x-pomerium-jwt-assertion", "x-pomerium-claim-email",
	"x-vouch-user", "x-consumer-id", "x-consumer-username", "x-consumer-custom-id",
	"x-credential-identifier",
}

// Forwarder makes a request ready for the backend: without the credential,
// without what the client says of its own identity, with what the gate knows of it.
type Forwarder struct {
	sources  *Sources
	openings permission.Openings
	names    [4]string // canonical identity headers, or none
	prefixes []string  // folded
	remove   map[string]bool
	proxied  map[string]bool // removed unless a trusted proxy sent them
	// lengths are those of all names that matter, by their first bytes, as bits: most
	// headers are passed over without a look at their names.
	lengths [256]uint64
}

// NewForwarder makes a forwarder. prefix begins the names of the identity
// headers; with "" none are set.
func NewForwarder(sources *Sources, prefix string, openings permission.Openings) *Forwarder {
	f := &Forwarder{
		sources: sources, openings: openings, remove: map[string]bool{}, proxied: map[string]bool{},
		prefixes: []string{foldHeader(DefaultIdentityPrefix)},
	}
	if prefix != "" {
		f.prefixes = append(f.prefixes, foldHeader(prefix))
		for i, what := range []string{"Id", "Name", "Type", "Owner"} {
			f.names[i] = textproto.CanonicalMIMEHeaderKey(prefix + what)
		}
	}
	for _, name := range overrides {
		f.remove[name] = true
	}
	for _, name := range fromProxies {
		f.proxied[name] = true
	}
	for _, h := range sources.headers {
		f.remove[foldHeader(h.name)] = true
	}
	for _, names := range []map[string]bool{f.remove, f.proxied} {
		for name := range names {
			f.mark(name, lengthBit(name))
		}
	}
	for _, prefix := range f.prefixes {
		f.mark(prefix, -lengthBit(prefix)) // and all that are longer
	}
	return f
}

// mark notes the lengths of a folded name.
func (f *Forwarder) mark(name string, lengths uint64) {
	f.lengths[name[0]] |= lengths
	f.lengths[strings.ToUpper(name[:1])[0]] |= lengths
}

// lengthBit is the bit for the length of a name; the last one is for all that are longer.
func lengthBit(name string) uint64 { return 1 << min(len(name), 63) }

// Values is room for the values of the identity headers of one request. It must
// not be used for another: error routes, logs and the like read a request's
// headers long after its handlers have returned.
type Values [4]string

// Forward changes the request into what the backend gets. fromProxy says
// that a trusted proxy sent it.
func (f *Forwarder) Forward(r *http.Request, tokens Tokens, fromProxy bool, values *Values) {
	f.Pass(r, fromProxy)
	if tokens.First == nil { // a preflight: a question without a body
		r.Body, r.ContentLength = http.NoBody, 0
		return
	}
	if f.names[0] == "" {
		return
	}
	*values = Values(tokens.First.identity)
	for _, k := range tokens.Rest {
		for i := range values {
			values[i] += "," + k.identity[i]
		}
	}
	for i, name := range f.names {
		r.Header[name] = values[i : i+1 : i+1]
	}
}

// Pass changes a request that goes on without a token.
func (f *Forwarder) Pass(r *http.Request, fromProxy bool) {
	kept := f.openOverrides(r)
	f.Strip(r, fromProxy)
	maps.Copy(r.Header, kept)
}

// openOverrides returns the headers that ask for another method, if the route opens that.
func (f *Forwarder) openOverrides(r *http.Request) http.Header {
	switch {
	case len(f.openings) == 0:
		return nil
	case isPostAsGet(r, f.openings):
		return http.Header{methodHeaders[0]: r.Header[methodHeaders[0]]}
	case !f.openings.Opens(permission.MethodOverride, r.URL.Path):
		return nil
	}
	kept := http.Header{}
	for _, name := range methodHeaders {
		if values, ok := r.Header[name]; ok {
			kept[name] = values
		}
	}
	return kept
}

// Strip removes the credentials from all configured places, not only the one
// in which they were found, and everything by which a client could pass for
// another or ask the backend for something else than was decided on.
func (f *Forwarder) Strip(r *http.Request, fromProxy bool) {
	for name := range r.Header {
		if name != "" && f.lengths[name[0]]&lengthBit(name) != 0 && f.removes(name, fromProxy) {
			delete(r.Header, name)
		}
	}
	f.stripAuthorization(r.Header)
	if len(f.sources.queries) > 0 {
		r.URL.RawQuery = f.sources.StripQuery(r.URL.RawQuery)
		f.stripReferer(r.Header)
	}
	stripConnection(r.Header)
	r.Trailer = nil // could name an identity header after the fact
}

// maxRemovedName is the longest name of a header that is removed for its whole
// name, not for its beginning.
const maxRemovedName = 64

func (f *Forwarder) removes(name string, fromProxy bool) bool {
	var folded [maxRemovedName]byte
	key := folded[:copy(folded[:], name)]
	for i, c := range key {
		key[i] = foldHeaderByte(c)
	}
	for _, prefix := range f.prefixes {
		if len(key) >= len(prefix) && string(key[:len(prefix)]) == prefix {
			return true
		}
	}
	return len(name) <= len(folded) && (f.remove[string(key)] || !fromProxy && f.proxied[string(key)])
}

// foldHeader gives all spellings of a header's name that a backend may take for
// one the same form: CGI, WSGI and others see no difference between '-', '_' and '.'.
func foldHeader(name string) string {
	folded := []byte(name)
	for i, c := range folded {
		folded[i] = foldHeaderByte(c)
	}
	return string(folded)
}

func foldHeaderByte(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	case isAlnum(c):
		return c
	}
	return '-'
}

// stripAuthorization removes what stands in the place of a source. Other
// schemes are for the backend and stay.
func (f *Forwarder) stripAuthorization(h http.Header) {
	values := h["Authorization"]
	var kept []string
	for _, value := range values {
		if _, ours := f.sources.cutScheme(value); !ours && !f.sources.hidesOurs(value) {
			if len(values) == 1 {
				return
			}
			kept = append(kept, value)
		}
	}
	switch {
	case len(kept) > 0:
		h["Authorization"] = kept
	case len(values) > 0:
		delete(h, "Authorization")
	}
}

// stripReferer removes credentials from the address of the page that the
// request comes from: a page that was called with one sends it along.
func (f *Forwarder) stripReferer(h http.Header) {
	for i, value := range h["Referer"] {
		if page, query, ok := strings.Cut(value, "?"); ok {
			if stripped := f.sources.StripQuery(query); stripped != query {
				h["Referer"][i] = page + "?" + stripped
			}
		}
	}
}

// stripConnection leaves the client no say in which headers reach the backend:
// a proxy drops those that Connection names, ours among them. Of upgrades only
// WebSocket is left; h2c would open a tunnel past the gate.
func stripConnection(h http.Header) {
	if values := h["Connection"]; len(values) > 0 && !(len(values) == 1 && isConnectionOption(values[0])) {
		if kept := connectionOptions(values); kept != "" {
			h["Connection"] = []string{kept}
		} else {
			delete(h, "Connection")
		}
	}
	if values, ok := h["Upgrade"]; ok && (len(values) != 1 || !strings.EqualFold(values[0], "websocket")) {
		delete(h, "Upgrade")
	}
	delete(h, "Http2-Settings")
}

func connectionOptions(values []string) string {
	var kept []string
	for _, value := range values {
		for option := range strings.SplitSeq(value, ",") {
			if option = strings.TrimSpace(option); isConnectionOption(option) {
				kept = append(kept, option)
			}
		}
	}
	return strings.Join(kept, ", ")
}

func isConnectionOption(s string) bool {
	return strings.EqualFold(s, "close") || strings.EqualFold(s, "keep-alive") || strings.EqualFold(s, "upgrade")
}

// identity are the values of the identity headers of a token: id, name, type, owner.
type identity [4]string

func newIdentity(t *token.Token) identity {
	return identity{t.ID, headerText(t.Name), string(t.Type), headerText(t.Owner)}
}

// headerText makes a text fit for a header and for a list in it: all but
// letters, digits and some marks is percent-encoded.
func headerText(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isAlnum(c) || strings.IndexByte(" -._~@/:+()", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
	}
	return b.String()
}

// CheckIdentityPrefix returns an error if the names of identity headers can't
// begin with s.
func CheckIdentityPrefix(s string) error {
	if !isHTTPToken(s) || !isAlnum(s[0]) || !strings.HasSuffix(s, "-") || len(s) > 32 {
		return fmt.Errorf("%q can't begin the names of headers; write for example X-Token-, with '-' at its end", s)
	}
	return nil
}
