package caddymodule

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// problem is the body of a refusal (RFC 9457). Code is for programs and stays
// the same over versions; Detail is for people.
type problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	Permission string `json:"permission,omitempty"` // that would have allowed the request
	Operation  string `json:"operation,omitempty"`  // what it tried, if no permission has it

	id string // of the answer, as kintone has one
}

// retryAfter is what a 503 tells clients: look-ups are tried again about as often.
const retryAfter = "2"

// refuse answers a request that does not go on.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, d *gate.Decision) error {
	var more []zap.Field
	id := ""
	if h.Dialect == dialectKintone {
		id = rand.Text()
		more = append(more, zap.String("answer", id))
	}
	h.logRefusal(r, d, more...)
	header := w.Header()
	answers := h.dialect != nil && h.dialect.answer != nil
	if challenge := h.challenge(d); challenge != "" && !answers {
		header.Set("WWW-Authenticate", challenge)
	}
	if d.Reason.Status() == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter)
	}
	setUnseen(header)
	p := describeRefusal(d, h.catalog)
	p.id = id
	if p.Status == http.StatusForbidden && h.dialect.forbidsBy401() {
		p.Status, p.Title = http.StatusUnauthorized, http.StatusText(http.StatusUnauthorized)
	}
	if h.Errors == errorsCaddy {
		// Error routes may forward the request: not with a credential or a forged
		// identity. Whether its path has one reading is theirs to care about.
		h.forwarder.Strip(r, fromTrustedProxy(r))
		stripPageCookies(r.Header)
		h.cleanOriginal(r)
		// {err.message} is what strangers may see, so it is no more exact than the code.
		return caddyhttp.Error(p.Status, errors.New("api_tokens: "+p.Code))
	}
	var kind string
	var body []byte
	var err error
	if answers {
		kind = "application/json; charset=utf-8"
		p.Status, body, err = h.encodeDialect(r, d, &p)
	} else {
		kind, body, err = h.encode(r, d, &p)
		body = append(body, '\n')
	}
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	header.Set("Content-Type", kind)
	w.WriteHeader(p.Status)
	_, err = w.Write(body)
	if err != nil && h.logger.Core().Enabled(zapcore.DebugLevel) {
		h.logger.Debug("the client went away before it had the answer", zap.Error(err))
	}
	return nil
}

// refusalDetails say what is wrong and what to do about it, for reasons of which that is always the same.
var refusalDetails = map[gate.Reason]string{
	gate.AmbiguousCredential:  "The request holds more than one API token, or one in more than one place. Send one, in one place.",
	gate.TooManyCredentials:   "The request holds more API tokens than are allowed.",
	gate.OverlappingTokens:    "The request holds two API tokens for the same. Send one.",
	gate.RefusedMethod:        "Requests of this method are never forwarded.",
	gate.MethodOverride:       "The request asks for another method or path than those that it was sent with, by X-HTTP-Method-Override, _method or rest_route. Send it with that method, to that path.",
	gate.RefusedIntrospection: "The schema of this API can't be asked for.",
	gate.StoreUnavailable:     "The API token can't be checked at the moment. Try again in a few seconds.",
	gate.Failure:              "The API token could not be checked. The log of the gateway says why.",
}

// describeRefusal says what is wrong and what to do about it. All that is wrong
// with a token itself gets the same words: what a stranger has in hand is not
// for them to learn; the log has the reason (security rule 9).
func describeRefusal(d *gate.Decision, catalog *permission.Catalog) problem {
	status := d.Reason.Status()
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: string(d.Reason)}
	switch d.Reason {
	case gate.NoCredential, gate.MalformedCredential, gate.UnknownToken, gate.DisabledToken,
		gate.ExpiredToken, gate.OtherAPI, gate.UnreadableToken:
		p.Code, p.Detail = "invalid_token", "A valid API token for this API is needed."
	case gate.AmbiguousRequest:
		p.Detail = fmt.Sprintf("The request can be read in more than one way and was refused: %s.", wrongWith(d))
		if _, ok := gate.GraphQLCode(d.Err); ok {
			p.Detail = fmt.Sprintf("The GraphQL request was refused: %s.", wrongWith(d))
		}
	case gate.TooLarge:
		p.Detail = fmt.Sprintf("The request was refused: %s.", wrongWith(d))
	case gate.UnknownDocument: // clients look for these words
		p.Detail = d.Err.Error()
	case gate.MissingPermission:
		describeMissing(&p, d, catalog)
	case gate.AmbiguousCredential, gate.TooManyCredentials, gate.OverlappingTokens, gate.RefusedMethod, gate.MethodOverride,
		gate.RefusedIntrospection, gate.StoreUnavailable, gate.Failure:
		p.Detail = refusalDetails[d.Reason]
	case gate.Allow, gate.Preflight, gate.PasswordPassed:
	}
	return p
}

// wrongWith says what is wrong with a request. It may quote a part of it, which can be a
// secret that stands where none belongs.
func wrongWith(d *gate.Decision) string { return redactor.Load().Text(d.Err.Error()) }

func describeMissing(p *problem, d *gate.Decision, catalog *permission.Catalog) {
	readOnly := d.Tokens.First.Token.Type == token.ReadOnly && d.Tokens.Rest == nil
	if p.Permission = d.Permission; p.Permission == "" {
		p.Operation = redactor.Load().Text(d.Match.String())
	}
	switch {
	case readOnly && p.Permission != "":
		p.Detail = fmt.Sprintf("The API token may only read. A token with the permission %s is needed.", p.Permission)
	case readOnly:
		p.Detail = "The API token may only read, and this operation counts as writing."
	case p.Permission != "":
		p.Detail = fmt.Sprintf("The API token has no grant of the permission %s%s.", p.Permission, lackedFor(d, catalog))
	case catalog.Almost(d.Match) != "":
		p.Detail = "The API token has no grant for this operation as it is: " + catalog.Almost(d.Match) + "."
	default:
		p.Detail = "The API token has no grant for this operation, and no permission includes it."
	}
}

// lackedFor says for which values the permission is missing, if the token is held to others.
func lackedFor(d *gate.Decision, catalog *permission.Catalog) string {
	_, values := permission.CutFixes(d.Tokens.Lacking(catalog, d.Match)[0])
	if values == nil {
		return ""
	}
	return " for " + redactor.Load().Text(strings.Join(values, " and "))
}

// challenge is the WWW-Authenticate header as RFC 6750, section 3, has it: no
// error attribute if there was no credential, and the scope that was missing.
func (h *Handler) challenge(d *gate.Decision) string {
	challenge := h.scheme() + ` realm="` + h.API + `"`
	switch {
	case d.Reason == gate.NoCredential:
		return challenge
	case d.Reason.Status() == http.StatusUnauthorized:
		return challenge + `, error="invalid_token"`
	case d.Reason.Status() == http.StatusBadRequest:
		return challenge + `, error="invalid_request"`
	case d.Reason == gate.MissingPermission && d.Permission != "":
		return challenge + `, error="insufficient_scope", scope="` + d.Permission + `"`
	case d.Reason == gate.MissingPermission:
		return challenge + `, error="insufficient_scope"`
	case d.Reason.Status() == http.StatusForbidden && h.dialect.forbidsBy401(): // which has one, whatever it is for
		return challenge
	}
	return ""
}

// scheme is the one to challenge with: the first that the gate takes.
func (h *Handler) scheme() string {
	for _, s := range h.Sources {
		if s.Place == gate.Authorization {
			return s.Name
		}
	}
	return "Bearer"
}

// logRefusal writes the one line about a refusal: what a person needs to find
// out why, and no secret. What is wrong with the store the runtime logs, once.
func (h *Handler) logRefusal(r *http.Request, d *gate.Decision, more ...zap.Field) {
	line := h.logger.Check(refusalLevel(d.Reason), "request refused")
	if line == nil {
		return
	}
	fields := []zap.Field{
		zap.String("api", h.API), zap.String("reason", string(d.Reason)), zap.String("remote_addr", r.RemoteAddr),
	}
	if d.Tokens.First != nil {
		fields = append(fields, zap.String("token", d.Tokens.First.Token.ID))
	}
	if d.Reason == gate.MissingPermission {
		operation := redactor.Load().Text(d.Match.String())
		fields = append(fields, zap.String("operation", operation), zap.String("permission", d.Permission))
	}
	if d.Err != nil {
		fields = append(fields, zap.String("error", wrongWith(d)))
	}
	line.Write(append(fields, more...)...)
}

func refusalLevel(reason gate.Reason) zapcore.Level {
	switch {
	case reason == gate.UnreadableToken:
		return zapcore.WarnLevel
	case reason.Status() == http.StatusServiceUnavailable:
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}
