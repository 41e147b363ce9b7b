package admin

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/token"
)

// Lengths of passwords. Long ones are no stronger and cost more to hash.
const (
	MinPassword = 12  // characters
	MaxPassword = 256 // bytes
)

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,63}$`)

// canonical returns the one form of an account's name.
func canonical(name string) string { return strings.Map(lowerASCII, strings.TrimSpace(name)) }

// lowerASCII leaves other letters alone: some of their lower-case forms are
// letters of ASCII, and would make a name of one that can't be one.
func lowerASCII(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func checkAccountName(name string, p *FieldErrors) {
	if !accountName.MatchString(name) {
		p.addf("name", "%q can't name an account; use a letter or digit, then up to 63 letters, digits, '.', '_', '@', '+' and '-'", name)
	}
}

func checkSubject(subject string, p *FieldErrors) {
	if ContainsSecret(subject) {
		p.addf("subject", hasSecret)
	}
	if len(subject) > 255 || !utf8.ValidString(subject) || strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.addf("subject", "is longer than 255 bytes or has control characters; give what single sign-on calls the account")
	}
}

func checkPassword(password string, p *FieldErrors) {
	switch {
	case !utf8.ValidString(password):
		p.addf("password", "is not valid UTF-8")
	case utf8.RuneCountInString(password) < MinPassword:
		p.addf("password", "has fewer than %d characters; a few words in a row are long and easy to keep", MinPassword)
	case len(password) > MaxPassword:
		p.addf("password", "has more than %d bytes; choose a shorter one", MaxPassword)
	}
}

// checkSignIn refuses that a token lets somebody sign in: they could go on when it
// has ended.
func (a *Actor) checkSignIn(password, subject bool, p *FieldErrors) {
	if a.Token != nil && password {
		p.addf("password", "can't be set by a token, which may end while the account goes on; leave that to somebody who is signed in, or to a command")
	}
	if a.Token != nil && subject {
		p.addf("subject", "can't be set by a token, which may end while the account goes on; leave that to somebody who is signed in, or to a command")
	}
}

// hashChecked returns the hash of a password that keeps the rules; else it notes why not.
func (s *Service) hashChecked(ctx context.Context, password string, p *FieldErrors) (string, error) {
	known := len(*p)
	checkPassword(password, p)
	if len(*p) > known {
		return "", nil
	}
	return s.passwords.hash(ctx, password)
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newID returns an id of 16 base62 characters behind the prefix.
func (s *Service) newID(prefix string) (string, error) {
	text := []byte(prefix)
	var one [1]byte
	for len(text) < len(prefix)+16 {
		if _, err := io.ReadFull(s.random, one[:]); err != nil {
			return "", fmt.Errorf("making an id: %w", err)
		}
		if one[0] < 4*byte(len(base62)) { // those above would make some characters likelier
			text = append(text, base62[one[0]%byte(len(base62))])
		}
	}
	return string(text), nil
}

// newSecret returns a secret of 256 random bits for a session. It never expires
// as such, is no token, and prints as a mask like all secrets.
func (s *Service) newSecret() (token.Secret, error) {
	var bits [32]byte
	if _, err := io.ReadFull(s.random, bits[:]); err != nil {
		return token.Secret{}, fmt.Errorf("making a session: %w", err)
	}
	return token.Import(fmt.Sprintf("%s%x", SessionPrefix, bits))
}

var sessionSecret = regexp.MustCompile(SessionPrefix + `[0-9a-f]{64}`)

// ContainsSecret reports whether the secret of a token, a session or a set-up link
// stands anywhere in text. What has one is neither kept nor shown again.
func ContainsSecret(text string) bool {
	return token.ContainsSecret(text) || sessionSecret.MatchString(text)
}

// SessionPrefix is what the secrets of sessions and set-up links begin with, so
// that scanners for secrets can find them.
const SessionPrefix = "trs_"
