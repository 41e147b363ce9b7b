package gate

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Beside the query stands what gives it another meaning for some servers: the
// character set of the request, and cookies.

var (
	errQueryCharset = errors.New("Content-Type names a character set in which the letters of the query could be others; send UTF-8")
	errCookie       = errors.New("a cookie has the name of a parameter that decides, and another value; some servers take that one")
)

// checkQueryCharset refuses a character set that hides letters. Django decodes the query
// by that of Content-Type, be there a body or none: \x61pp is app to it in unicode_escape.
func checkQueryCharset(h http.Header) error {
	if h["Content-Type"] == nil {
		return nil
	}
	value, err := contentType(h)
	if err != nil {
		return err
	}
	lower := strings.ToLower(value)
	_, set, named := strings.Cut(lower, "charset")
	if !named {
		return nil
	}
	set, isSet := strings.CutPrefix(strings.TrimLeft(set, " \t"), "=")
	if !isSet { // a common slip, which servers ignore or take for what it says
		set, isSet = strings.CutPrefix(set, ":")
	}
	set, _, _ = strings.Cut(set, ";")
	if set = strings.Trim(set, " \t\"'"); !isSet || !hasASCII(set) || strings.Count(lower, "charset") > 1 {
		return errQueryCharset
	}
	return nil
}

// cookies calls yield for the name and the value of each cookie, as they were sent,
// until it returns false.
func cookies(h http.Header, yield func(name, value string) bool) {
	for _, line := range h["Cookie"] {
		for line != "" {
			end := strings.IndexAny(line, ";,")
			if end < 0 {
				end = len(line)
			}
			name, value, _ := strings.Cut(line[:end], "=")
			if !yield(strings.TrimSpace(name), strings.TrimSpace(value)) {
				return
			}
			line = line[min(end+1, len(line)):]
		}
	}
}

// cookieNamed reports whether there is a cookie that is a parameter of this name to some
// server, and whether one of these has another value. PHP without a php.ini has cookies
// in $_REQUEST, before what is in the query and in forms.
func cookieNamed(h http.Header, name, text string) (there, other bool) {
	cookies(h, func(cookie, value string) bool {
		if foldsTo(cookie, name) {
			there = true
			decoded, err := url.QueryUnescape(strings.Trim(value, `"`))
			other = other || err != nil || decoded != text
		}
		return true
	})
	return there, other
}
