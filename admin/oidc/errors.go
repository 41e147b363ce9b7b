package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Reason is why somebody is not signed in.
type Reason string

// The reasons. Each has another remedy.
const (
	// NotBegun: this browser has not begun what it came back for, or has finished it.
	NotBegun Reason = "not_begun"
	// Late: it took too long.
	Late Reason = "late"
	// Denied: the provider, or the person there, said no.
	Denied Reason = "denied"
	// Away: the provider can't be reached, or can't answer now.
	Away Reason = "provider_away"
	// Misconfigured: the provider does not know us as we present ourselves.
	Misconfigured Reason = "misconfigured"
	// Untrusted: what the provider says does not hold.
	Untrusted Reason = "untrusted"
)

// Error is why somebody is not signed in.
type Error struct {
	Reason Reason
	Detail string // for the log; has no secret
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func fail(reason Reason, format string, args ...any) error {
	return &Error{reason, fmt.Sprintf(format, args...)}
}

func lookUpFailed(err error) error {
	if other, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return fail(Misconfigured, "the provider calls itself %q, and the configuration %q; write it as the provider does", cut(other.Discovered), other.Provided)
	}
	return fail(Away, "%s", cut(err.Error()))
}

// exchangeFailed is about the request with the code, the verifier and our secret.
func (c *Client) exchangeFailed(err error, sent ...string) error {
	sent = append(sent, c.config.ClientSecret)
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		reason := Untrusted
		if _, network := errors.AsType[*url.Error](err); network {
			reason = Away
		}
		return fail(reason, "%s", without(err.Error(), sent))
	}
	// Not its body, of which nobody knows what is in it.
	detail := fmt.Sprintf("the provider answered %d %q: %q", refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription)
	reason := Misconfigured
	switch {
	case refused.ErrorCode == "invalid_grant":
		reason = Late
	case refused.Response.StatusCode >= http.StatusInternalServerError || refused.Response.StatusCode == http.StatusTooManyRequests:
		reason = Away
	}
	return fail(reason, "%s", without(detail, sent))
}

// without makes what a provider wrote fit for the log: it may repeat what it was sent.
func without(text string, secrets []string) string {
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			text = strings.ReplaceAll(text, form, "REDACTED")
		}
	}
	return cut(text)
}

// cut keeps as much of what others wrote as the log should have.
func cut(text string) string {
	const most = 300 // bytes
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
