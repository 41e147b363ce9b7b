package oidc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
)

// Attempt is one sign-in that a browser has begun, in a form that fits into a
// cookie. No gateway remembers it, so the browser may come back to another one.
//
// It is a time and a random secret. State, nonce and verifier are derived from it
// and tell nothing about it, so whoever sees an address that the browser was sent
// to can't finish the attempt, and the time can't be another one.
type Attempt string

// Lasts is how long an attempt can be finished.
const Lasts = 10 * time.Minute

// The secret has the form of those of sessions, so that logs hide it as they do these.
var wellFormed = regexp.MustCompile(`^[0-9]{1,12}\.` + admin.SessionPrefix + `[0-9a-f]{64}$`)

func (c *Client) newAttempt() (Attempt, error) {
	var secret [32]byte
	if _, err := io.ReadFull(c.config.Random, secret[:]); err != nil {
		return "", fmt.Errorf("beginning to sign in: %w", err)
	}
	return Attempt(fmt.Sprintf("%d.%s%x", c.config.Now().Unix(), admin.SessionPrefix, secret)), nil
}

// check refuses what is not an attempt that can be finished now.
func (c *Client) check(a Attempt) error {
	if a == "" {
		return fail(NotBegun, "the browser has begun no attempt")
	}
	if !wellFormed.MatchString(string(a)) {
		return fail(NotBegun, "what the browser has kept is no attempt")
	}
	text, _, _ := strings.Cut(string(a), ".")
	began, err := strconv.ParseInt(text, 10, 64)
	if err != nil || c.config.Now().Sub(time.Unix(began, 0)).Abs() > Lasts { // clocks of gateways differ
		return fail(Late, "the attempt is older than %v", Lasts)
	}
	return nil
}

func (c *Client) state(a Attempt) string    { return c.derive("state", a) }
func (c *Client) nonce(a Attempt) string    { return c.derive("nonce", a) }
func (c *Client) verifier(a Attempt) string { return c.derive("verifier", a) }

// derive binds to the provider too: an attempt at one is none at another.
func (c *Client) derive(what string, a Attempt) string {
	sum := sha256.Sum256([]byte(what + "\n" + c.config.Issuer + "\n" + c.config.ClientID + "\n" + string(a)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
