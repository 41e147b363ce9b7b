package caddymodule

import (
	"bytes"

	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
)

// hideSessions redacts in place what looks like the secret of a session, wherever
// it stands in a line: Caddy shows cookies with log_credentials, and in fields
// that a log is told to add.
func hideSessions(line []byte) []byte {
	kept, from := line[:0], 0
	for {
		start, end := findSession(line, from)
		if end == 0 {
			break
		}
		kept = append(append(kept, line[from:start]...), gate.Redacted...) // shorter than any secret
		from = end
	}
	if from == 0 {
		return line
	}
	return append(kept, line[from:]...)
}

// appLogger is the name of the logger of the app.
const appLogger = "api_tokens"

// showsSetUpLink reports whether an entry is the one of the gateway's own in which
// a set-up link shows, since it would be of no use otherwise.
func showsSetUpLink(entry *zapcore.Entry) bool {
	return entry.Message == setUpMessage && entry.LoggerName == appLogger
}

const minSessionRest = 8 // characters behind the prefix that tell something

func findSession(line []byte, from int) (start, end int) {
	for {
		i := bytes.Index(line[from:], []byte(admin.SessionPrefix))
		if i < 0 {
			return 0, 0
		}
		start = from + i
		end = start + len(admin.SessionPrefix)
		for end < len(line) && isHex(line[end]) {
			end++
		}
		if end-start >= len(admin.SessionPrefix)+minSessionRest {
			return start, end
		}
		from = end
	}
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// hideAnswers redacts in place what a provider of OpenID Connect sent a browser back
// with. Its code is of use once, soon, and only to who has more, but it is a secret.
func hideAnswers(line []byte) []byte {
	kept, from := line[:0], 0
	for {
		i := bytes.Index(line[from:], []byte(oidcCallback+"?"))
		if i < 0 {
			break
		}
		start := from + i + len(oidcCallback) + 1
		end := endOfQuery(line, start)
		kept = append(kept, line[from:start]...)
		if end-start < len(gate.Redacted) { // which can't be one
			kept = append(kept, line[start:end]...)
		} else {
			kept = append(kept, gate.Redacted...)
		}
		from = end
	}
	if from == 0 {
		return line
	}
	return append(kept, line[from:]...)
}

// endOfQuery returns where a query ends that stands in a text, which may be JSON.
func endOfQuery(line []byte, at int) int {
	ampersand := []byte(`\u0026`)
	for at < len(line) {
		switch c := line[at]; {
		case c == '\\' && bytes.HasPrefix(line[at:], ampersand):
			at += len(ampersand)
		case c <= ' ' || c == '"' || c == '\\':
			return at
		default:
			at++
		}
	}
	return at
}
