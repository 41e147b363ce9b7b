package token

import (
	"strconv"
	"strings"
	"time"
)

// maxDuration bounds how far ahead an expiry may lie. It keeps clear of the
// range of time.Duration (292 years) and of typing errors.
const maxDuration = 100 * 365 * 24 * time.Hour

// ParseDuration turns what people write for a token's duration into its expiry:
// "unlimited" (the zero time), days or hours from now ("30d", "36h"), a date
// ("2027-01-31", working through the end of that day in UTC) or an RFC 3339
// time. Errors are *FieldError.
func ParseDuration(s string, now time.Time) (time.Time, error) {
	expiry, err := ParseExpiry(s, now)
	if err == nil && !expiry.IsZero() && !expiry.After(now) {
		return time.Time{}, invalid("duration", "%q is in the past", s)
	}
	return expiry, err
}

// ParseExpiry is ParseDuration for tokens of elsewhere: those may have ended, at most
// 100 years ago.
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "unlimited" {
		return time.Time{}, nil
	}
	expiry, err := parseExpiry(s, now)
	expiry = expiry.UTC().Truncate(time.Millisecond)
	switch {
	case err != nil:
		return time.Time{}, err
	case expiry.Sub(now) > maxDuration:
		return time.Time{}, invalid("duration", "%q is more than 100 years ahead; use unlimited", s)
	case now.Sub(expiry) > maxDuration: // also the zero time, which would be unlimited
		return time.Time{}, invalid("duration", "%q is in the past", s)
	}
	return expiry, nil
}

func parseExpiry(s string, now time.Time) (time.Time, error) {
	if d, err := time.Parse(time.DateOnly, s); err == nil {
		return d.AddDate(0, 0, 1), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	length, ok := parseSpan(s)
	switch {
	case ok && length == 0:
		return time.Time{}, invalid("duration", "%q is more than 100 years; use unlimited", s)
	case !ok:
		return time.Time{}, invalid("duration", "%q is not a duration; use for example 7d, 36h, unlimited or 2027-01-31", s)
	}
	return now.Add(length), nil
}

// ParseSpan parses a positive number of days or hours ("30d", "36h"), at most
// 100 years. Errors are *FieldError.
func ParseSpan(s string) (time.Duration, error) {
	length, ok := parseSpan(s)
	switch {
	case !ok:
		return 0, invalid("duration", "%q is not a number of days or hours such as 7d or 36h", s)
	case length == 0:
		return 0, invalid("duration", "%q is more than 100 years", s)
	}
	return length, nil
}

// parseSpan returns 0 for a span of more than 100 years.
func parseSpan(s string) (length time.Duration, ok bool) {
	unit := time.Hour
	digits, ok := strings.CutSuffix(s, "h")
	if !ok {
		digits, ok = strings.CutSuffix(s, "d")
		unit = 24 * time.Hour
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == 0 || strings.HasPrefix(digits, "+") {
		return 0, false
	}
	if time.Duration(n) > maxDuration/unit {
		return 0, true
	}
	return time.Duration(n) * unit, true
}
