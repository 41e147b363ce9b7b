package caddymodule

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// errPasswordShown does not repeat what was written.
var errPasswordShown = errors.New("store postgres has a password in it, which Caddy's admin endpoint would show; " +
	"write {env.DATABASE_URL} or {file./run/secrets/dsn}, which are filled in later ({$NAME} is filled in too early), " +
	"or leave the password to PGPASSFILE or passfile=")

var (
	// placeholders are those that caddy.NewReplacer fills in.
	placeholder = regexp.MustCompile(`\{(?:env|file|system|time)\.[^{}]*\}`)
	// ports are hosts whose ports can be such.
	ports = regexp.MustCompile(`^[^:]*(:\d+)?(,[^:]*(:\d+)?)*$`)
	// keyPassword is password=… among pairs of keys and values; spaces may stand
	// around the sign.
	keyPassword = regexp.MustCompile(`(?i)password\s*=\s*('(?:[^'\\]|\\.)*'?|[^\s&]*)`)
)

// filledIn stands for a placeholder.
const filledIn = "\x00"

// hasPassword reports whether a connection string holds a password, or a part of
// one, as text: what is behind placeholders doesn't count. Where it is not clear
// what a piece is, it counts as a password.
func hasPassword(dsn string) bool {
	dsn = placeholder.ReplaceAllString(dsn, filledIn)
	if _, rest, ok := strings.Cut(dsn, "://"); ok && urlHasPassword(rest) {
		return true
	}
	for _, form := range []string{dsn, unescaped(dsn)} {
		for _, found := range keyPassword.FindAllStringSubmatch(form, -1) {
			if isText(found[1]) {
				return true
			}
		}
	}
	return false
}

// urlHasPassword looks at what is behind a scheme as libpq does: the first of @
// and / says whether there is a user. Who forgets to encode one of them in a
// password has the rest of it in the host or in the path.
func urlHasPassword(rest string) bool {
	at := strings.IndexAny(rest, "@/")
	if at < 0 {
		return false
	}
	_, password, colon := strings.Cut(rest[:at], ":")
	if rest[at] == '@' {
		host, _, _ := strings.Cut(rest[at+1:], "/")
		host, _, _ = strings.Cut(host, "?")
		return isText(password) || strings.Contains(host, "@")
	}
	path, query, _ := strings.Cut(rest[at:], "?")
	return colon && (strings.Contains(path, "@") || !ports.MatchString(rest[:at]) && strings.Contains(query, "@"))
}

func isText(value string) bool {
	return strings.Trim(value, "'"+filledIn) != ""
}

// unescaped decodes what can be decoded: pass%77ord is a key as well.
func unescaped(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}
