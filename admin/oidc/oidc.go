// Package oidc signs people in by OpenID Connect: by the authorization code flow with PKCE, at one provider.
package oidc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config is what the provider and we have agreed on.
type Config struct {
	Issuer       string // exactly as the provider writes it
	ClientID     string
	ClientSecret string
	NameClaim    string // what names the account of somebody new, such as preferred_username
	Now          func() time.Time
	Random       io.Reader
}

// Client signs people in at a provider. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
	places chan struct{} // of sign-ins that wait for the provider at a time

	looking chan struct{} // holds one of who looks the provider up; guards the following
	known   *provider
	failed  error
	next    time.Time // the provider is looked up again
}

const (
	patience = 15 * time.Second // with the provider, for one sign-in
	maxWaits = 16               // sign-ins that wait for the provider at a time
)

// New returns a client. It asks the provider nothing yet.
func New(c Config) *Client {
	return &Client{
		config: c, http: newHTTPClient(),
		places: make(chan struct{}, maxWaits), looking: make(chan struct{}, 1),
	}
}

// Begin returns the address at the provider to send a browser to, and the attempt
// that it has to come back to callback with.
func (c *Client) Begin(ctx context.Context, callback string) (address string, a Attempt, err error) {
	ctx, done, err := c.take(ctx)
	if err != nil {
		return "", "", err
	}
	defer done()
	p, err := c.provider(ctx)
	if err != nil {
		return "", "", err
	}
	if a, err = c.newAttempt(); err != nil {
		return "", "", err
	}
	return c.agreement(p, callback).AuthCodeURL(c.state(a), oidc.Nonce(c.nonce(a)), oauth2.S256ChallengeOption(c.verifier(a))), a, nil
}

// Finish returns who the provider says has signed in. answer is the query with which
// the browser came back to callback, and a the attempt that it has kept. What goes
// wrong is an *Error, whoever is at fault.
func (c *Client) Finish(ctx context.Context, callback string, a Attempt, answer string) (Identity, error) {
	values, err := c.answerTo(a, answer)
	if err != nil {
		return Identity{}, err
	}
	ctx, done, err := c.take(ctx)
	if err != nil {
		return Identity{}, err
	}
	defer done()
	p, err := c.provider(ctx)
	if err != nil {
		return Identity{}, err
	}
	code, err := c.code(p, values)
	if err != nil {
		return Identity{}, err
	}
	tokens, err := c.agreement(p, callback).Exchange(oidc.ClientContext(ctx, c.http), code, oauth2.VerifierOption(c.verifier(a)))
	if err != nil {
		return Identity{}, c.exchangeFailed(err, code, c.verifier(a))
	}
	return c.identity(ctx, p, tokens, c.nonce(a))
}

// take waits for a place among those who ask the provider, so that a flood of
// sign-ins is not passed on to it.
func (c *Client) take(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	select {
	case c.places <- struct{}{}:
		return ctx, func() { <-c.places; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, fail(Away, "too many others wait for the provider")
	}
}

// agreement is what is asked of the provider for a browser that comes back to callback.
func (c *Client) agreement(p *provider, callback string) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = p.style
	scopes := []string{oidc.ScopeOpenID, oidc.ScopeProfile}
	if c.config.NameClaim == claimEmail {
		scopes = append(scopes, oidc.ScopeEmail)
	}
	return &oauth2.Config{
		ClientID: c.config.ClientID, ClientSecret: c.config.ClientSecret,
		Endpoint: endpoint, RedirectURL: callback, Scopes: scopes,
	}
}

const maxAnswer = 8 << 10 // bytes

// answerTo reads the answer to an attempt. Nothing in it counts, not even that it is
// an error, unless this browser has asked for it (login CSRF).
func (c *Client) answerTo(a Attempt, answer string) (url.Values, error) {
	if err := c.check(a); err != nil {
		return nil, err
	}
	if len(answer) > maxAnswer {
		return nil, fail(NotBegun, "the answer is longer than %d bytes", maxAnswer)
	}
	values, err := url.ParseQuery(answer)
	if err != nil {
		return nil, fail(NotBegun, "the answer is not a query")
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(values[name]) > 1 {
			return nil, fail(NotBegun, "the answer has %s twice", name)
		}
	}
	if !same(values.Get("state"), c.state(a)) {
		return nil, fail(NotBegun, "the answer is to another attempt")
	}
	return values, nil
}

// code returns the code in an answer, if the answer is of this provider (RFC 9207)
// and no refusal.
func (c *Client) code(p *provider, answer url.Values) (string, error) {
	issuer, reason := answer.Get("iss"), answer.Get("error")
	switch {
	case issuer != "" && issuer != c.config.Issuer:
		return "", fail(Untrusted, "the answer is of another provider, %q", cut(issuer))
	case issuer == "" && p.namesItself:
		return "", fail(Untrusted, "the answer does not say which provider it is of")
	}
	switch reason {
	case "":
	case "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required":
		return "", fail(Denied, "the provider answered %s", reason)
	case "temporarily_unavailable", "server_error":
		return "", fail(Away, "the provider answered %s", reason)
	default:
		return "", fail(Misconfigured, "the provider answered %q: %q", cut(reason), cut(answer.Get("error_description")))
	}
	if code := answer.Get("code"); code != "" {
		return code, nil
	}
	return "", fail(Untrusted, "the answer has no code")
}

// CheckIssuer says what is wrong with the address of a provider. Without TLS
// anybody on the way could be the provider, so that is for tests on one machine.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(issuer, "?#{} "):
		return fmt.Errorf("%q is not the address of a provider; write it as the provider does, such as https://id.example.com", issuer)
	case !protected(u):
		return fmt.Errorf("the provider %s has to be reached over https", issuer)
	case len(issuer) > maxIssuer:
		return fmt.Errorf("the address of the provider has more than %d bytes", maxIssuer)
	}
	return nil
}

// maxIssuer leaves room for what the provider calls somebody.
const maxIssuer = 150
