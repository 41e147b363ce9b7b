package oidc

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// provider is what a provider says of itself.
type provider struct {
	*oidc.Provider
	style       oauth2.AuthStyle // how the client's secret is sent
	namesItself bool             // in every answer (RFC 9207)
}

const (
	lookAgain      = time.Hour   // since it may have moved
	lookAfterError = time.Second // so that those who wait don't ask one after the other
)

// provider returns the provider, which is looked up when it is first needed: a
// gateway starts without it.
func (c *Client) provider(ctx context.Context) (*provider, error) {
	select {
	case c.looking <- struct{}{}:
	case <-ctx.Done():
		return nil, fail(Away, "others wait for the provider too")
	}
	defer func() { <-c.looking }()
	if !c.config.Now().Before(c.next) {
		p, err := c.lookUp(ctx)
		if c.failed = err; err == nil {
			c.known, c.next = p, c.config.Now().Add(lookAgain)
		} else {
			c.next = c.config.Now().Add(lookAfterError)
		}
	}
	if c.known != nil { // perhaps from before
		return c.known, nil
	}
	return nil, c.failed
}

func (c *Client) lookUp(ctx context.Context) (*provider, error) {
	// Others wait for the answer, also when the one who asks goes away.
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), c.http), patience)
	defer cancel()
	found, err := oidc.NewProvider(ctx, c.config.Issuer)
	if err != nil {
		return nil, lookUpFailed(err)
	}
	var more struct {
		Keys        string   `json:"jwks_uri"`
		Methods     []string `json:"token_endpoint_auth_methods_supported"`
		NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fail(Untrusted, "what the provider says of itself can't be read: %s", cut(err.Error()))
	}
	for what, address := range map[string]string{
		"authorization_endpoint": found.Endpoint().AuthURL, "token_endpoint": found.Endpoint().TokenURL, "jwks_uri": more.Keys,
	} {
		if u, err := url.Parse(address); err != nil || !protected(u) {
			return nil, fail(Untrusted, "the provider has %q for its %s, which is not over https", cut(address), what)
		}
	}
	p := &provider{Provider: found, style: oauth2.AuthStyleInHeader, namesItself: more.NamesItself}
	if slices.Contains(more.Methods, "client_secret_post") && !slices.Contains(more.Methods, "client_secret_basic") {
		p.style = oauth2.AuthStyleInParams
	}
	return p, nil
}

// protected reports whether nobody in between can read or change what is sent.
func protected(u *url.URL) bool {
	switch ip := net.ParseIP(u.Hostname()); u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return ip != nil && ip.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
	}
	return false
}

const (
	maxBody    = 512 << 10 // bytes, of an answer of the provider
	maxHeaders = 64 << 10
	oneAnswer  = 10 * time.Second
)

// newHTTPClient returns a client that trusts the provider with nothing: neither its
// time nor its memory, nor to send a secret on to somewhere else.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       oneAnswer,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxHeaders,
			DisableKeepAlives: true, // people sign in rarely
		}},
	}
}

// bounded ends answers that are too long.
type bounded struct{ http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxBody)
	}
	return resp, err
}
