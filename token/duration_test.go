package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// now is a moment that is on no boundary, in a zone that is not UTC: there it
// is the 23rd already.
var now = time.Date(2026, 11, 23, 0, 30, 0, 123456789, time.FixedZone("CET", 3600))

func TestParseDurationGivesTheExpiry(t *testing.T) {
	utc := now.UTC().Truncate(time.Millisecond)
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"unlimited", time.Time{}},
		{"1h", utc.Add(time.Hour)},
		{"36h", utc.Add(36 * time.Hour)},
		{"7d", utc.Add(7 * 24 * time.Hour)},
		{"007d", utc.Add(7 * 24 * time.Hour)},
		{"36500d", utc.Add(36500 * 24 * time.Hour)},
		{"876000h", utc.Add(36500 * 24 * time.Hour)},
		// A date works through the end of that day in UTC, today's included.
		{"2026-11-22", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		{"2026-11-23", time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)},
		{"2026-12-31", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"2028-02-29", time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
		// A time is that moment, in UTC, in the stores' resolution.
		{"2026-11-22T23:30:01Z", time.Date(2026, 11, 22, 23, 30, 1, 0, time.UTC)},
		{"2027-01-01T00:00:00+09:00", time.Date(2026, 12, 31, 15, 0, 0, 0, time.UTC)},
		{"2027-01-01T00:00:00.1239Z", time.Date(2027, 1, 1, 0, 0, 0, 123e6, time.UTC)},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, err := token.ParseDuration(test.text, now)
			if err != nil || got != test.want {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestParseDurationRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, problem string }{
		{"the empty string", "", "not a duration"},
		{"a blank", " ", "not a duration"},
		{"junk", "soon", "not a duration"},
		{"another spelling of unlimited", "Unlimited", "not a duration"},
		{"zero days", "0d", "not a duration"},
		{"zero hours", "00h", "not a duration"},
		{"a negative number", "-7d", "not a duration"},
		{"a sign", "+7d", "not a duration"},
		{"a sign behind zeros", "0+7d", "not a duration"},
		{"a fraction", "1.5d", "not a duration"},
		{"an underscore", "1_0d", "not a duration"},
		{"hexadecimal", "0x10h", "not a duration"},
		{"other digits", "７d", "not a duration"},
		{"a blank before the unit", "7 d", "not a duration"},
		{"a blank around", " 7d", "not a duration"},
		{"a line break", "7d\n", "not a duration"},
		{"no unit", "7", "not a duration"},
		{"a unit alone", "d", "not a duration"},
		{"another unit", "7w", "not a duration"},
		{"an upper-case unit", "7D", "not a duration"},
		{"Go's other units", "90m", "not a duration"},
		{"two units", "1d12h", "not a duration"},
		{"a day more than 100 years", "36501d", "more than 100 years"},
		{"an hour more than 100 years", "876001h", "more than 100 years"},
		// 2^64 ns are 213,503.98 days, 5,124,095.58 hours: products that wrap
		// round to a small positive number must not become an expiry.
		{"days that overflow to a short time", "213504d", "more than 100 years"},
		{"hours that overflow to a short time", "5124096h", "more than 100 years"},
		{"2^32 hours and one", "4294967297h", "not a duration"},
		{"2^64 hours and one", "18446744073709551617h", "not a duration"},
		{"yesterday", "2026-11-21", "past"},
		{"the zero time by its last day", "0000-12-31", "past"},
		{"the year 1", "0001-01-01", "past"},
		{"now, to the millisecond", "2026-11-22T23:30:00.123Z", "past"},
		{"a moment that the stores' resolution cuts to now", "2026-11-22T23:30:00.1235Z", "past"},
		{"a moment ago in another zone", "2026-11-23T00:30:00.122+01:00", "past"},
		{"a day that does not exist", "2027-02-29", "not a duration"},
		{"a month that does not exist", "2027-13-01", "not a duration"},
		{"a short year", "27-01-01", "not a duration"},
		{"another order", "31.12.2027", "not a duration"},
		{"a date and a blank", "2027-01-01 ", "not a duration"},
		{"a time without zone", "2027-01-01T00:00:00", "not a duration"},
		{"the year 9999", "9999-12-31", "100 years"},
		{"the last moment of the year 9999", "9999-12-31T23:59:59Z", "100 years"},
		// Beyond the range of time.Duration, where Sub saturates.
		{"400 years", "2426-01-01", "100 years"},
		{"the year 10000", "10000-01-01", "not a duration"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := token.ParseDuration(test.text, now)
			wantInvalid(t, err, "duration", test.problem)
			if !got.IsZero() {
				t.Errorf("got the time %v with the error", got)
			}
		})
	}
}

// Whatever is accepted lies ahead in the form in which it is stored: no token is
// born expired, none gets an expiry by mistake that means unlimited.
func FuzzExpiryLiesAhead(f *testing.F) {
	for _, s := range []string{"unlimited", "7d", "36h", "2026-11-22", "2027-01-31", "2026-11-22T23:30:00.1235Z", "9999-12-31", "4294967295h", "0000-12-31"} {
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, s string, shift int64) {
		at := now.Add(time.Duration(shift))
		got, err := token.ParseDuration(s, at)
		if err != nil {
			wantInvalid(t, err, "duration", "")
			return
		}
		switch {
		case got.IsZero() != (s == "unlimited"):
			t.Errorf("%q gives %v", s, got)
		case got.IsZero():
		case !got.After(at.Truncate(time.Millisecond)):
			t.Errorf("%q gives %v, which is not after %v", s, got, at)
		case got.Location() != time.UTC || got.Truncate(time.Millisecond) != got:
			t.Errorf("%q gives %v, which no store keeps as it is", s, got)
		case got.After(at.Add(100*365*24*time.Hour + time.Millisecond)):
			t.Errorf("%q gives %v, more than 100 years ahead", s, got)
		}
	})
}

// Security rule 19 refuses at the moment of expiry: now itself is no expiry any more.
func TestNowIsNoExpiry(t *testing.T) {
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-12-31", "2027-01-01T00:00:00Z", "2027-01-01T09:00:00+09:00"} {
		_, err := token.ParseDuration(text, at)
		wantInvalid(t, err, "duration", "past")
	}
	if got, err := token.ParseDuration("2027-01-01T00:00:00.001Z", at); err != nil || !got.Equal(at.Add(time.Millisecond)) {
		t.Errorf("a millisecond later: got %v, %v", got, err)
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1h": time.Hour, "24h": 24 * time.Hour, "1d": 24 * time.Hour, "30d": 720 * time.Hour,
		"36500d": 36500 * 24 * time.Hour,
	} {
		if got, err := token.ParseSpan(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0h", "-1h", "+1h", "h", "d", "1", "unlimited", "2027-01-01", "36501d", "213504d"} {
		if got, err := token.ParseSpan(text); err == nil || got != 0 {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// wantInvalid checks that err is about the field and says what the problem is.
func wantInvalid(t *testing.T, err error, field, problem string) {
	t.Helper()
	var invalid *token.FieldError
	switch {
	case err == nil:
		t.Error("it is accepted")
	case !errors.As(err, &invalid):
		t.Errorf("error %v is no *FieldError", err)
	case invalid.Field != field || !strings.Contains(invalid.Problem, problem):
		t.Errorf("error %q; want one of %s that says %q", err, field, problem)
	}
}

// What ended elsewhere may be taken over as such. Nothing of it becomes the zero time,
// which is unlimited.
func TestParseExpiryTakesThePast(t *testing.T) {
	for text, want := range map[string]time.Time{
		"unlimited": {}, "2020-01-31": time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC),
		"2020-01-31T12:30:00Z": time.Date(2020, 1, 31, 12, 30, 0, 0, time.UTC), "1h": now.UTC().Truncate(time.Millisecond).Add(time.Hour),
	} {
		if got, err := token.ParseExpiry(text, now); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "0001-01-01T00:00:00Z", "0000-12-31", "1900-01-01", "2200-01-01"} {
		if got, err := token.ParseExpiry(text, now); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}
