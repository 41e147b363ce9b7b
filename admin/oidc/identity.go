package oidc

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Identity is who somebody is.
type Identity struct {
	Subject string // of this provider, never changes and belongs to nobody else
	Name    string // by the claim that is configured; may be empty
}

// Lengths of what the provider calls somebody, in bytes.
const (
	maxSubject = 255 // with the issuer
	maxName    = 200
)

// claimEmail counts only with claimVerified: anybody can write anybody's address.
const (
	claimEmail    = "email"
	claimVerified = "email_verified"
)

// identity returns who the tokens are about, if they are to be believed.
func (c *Client) identity(ctx context.Context, p *provider, tokens *oauth2.Token, nonce string) (Identity, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, fail(Untrusted, "the provider sent no ID token")
	}
	// The library checks the signature, issuer, audience and times.
	token, err := p.Verifier(&oidc.Config{ClientID: c.config.ClientID, Now: c.config.Now}).Verify(ctx, raw)
	if err != nil {
		return Identity{}, fail(Untrusted, "the ID token is not valid: %s", cut(err.Error()))
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Identity{}, fail(Untrusted, "the ID token can't be read")
	}
	party, named := claims["azp"]
	switch {
	case !same(token.Nonce, nonce):
		return Identity{}, fail(Untrusted, "the ID token was made for another attempt")
	case named && party != c.config.ClientID, !named && len(token.Audience) > 1:
		return Identity{}, fail(Untrusted, "the ID token was made for another client")
	}
	subject := "oidc:" + c.config.Issuer + "#" + token.Subject // an issuer has no #
	if token.Subject == "" || len(subject) > maxSubject || !printable(token.Subject) {
		return Identity{}, fail(Untrusted, "the provider has no subject, or one that can't be kept: it has %d bytes", len(token.Subject))
	}
	if _, ok := claims[c.config.NameClaim]; !ok && p.UserInfoEndpoint() != "" {
		if claims, err = c.userInfo(ctx, p, tokens, token.Subject); err != nil {
			return Identity{}, err
		}
	}
	return Identity{Subject: subject, Name: nameIn(claims, c.config.NameClaim)}, nil
}

// userInfo asks for what the ID token does not say: many providers keep names out of it.
func (c *Client) userInfo(ctx context.Context, p *provider, tokens *oauth2.Token, subject string) (claims map[string]any, err error) {
	info, err := p.UserInfo(oidc.ClientContext(ctx, c.http), oauth2.StaticTokenSource(tokens))
	if err != nil {
		return nil, fail(Away, "the provider does not say who this is: %s", without(err.Error(), []string{tokens.AccessToken}))
	}
	if info.Subject != subject {
		return nil, fail(Untrusted, "the provider's user info is about somebody else")
	}
	if err := info.Claims(&claims); err != nil {
		return nil, fail(Untrusted, "the provider's user info can't be read")
	}
	return claims, nil
}

// nameIn returns the name for an account, or "" if there is none that counts.
func nameIn(claims map[string]any, claim string) string {
	name, _ := claims[claim].(string)
	if claim == claimEmail && claims[claimVerified] != true && claims[claimVerified] != "true" {
		return ""
	}
	if len(name) > maxName || !printable(name) {
		return ""
	}
	return name
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
