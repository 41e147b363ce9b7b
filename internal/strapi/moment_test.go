package strapi_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/pgtest"
	"github.com/tokenreeve/tokenreeve/internal/strapi"
)

// Times were written in several ways over the versions; one that can't be read must
// not become a token without an end, nor keep the others from being read.
func TestTimes(t *testing.T) {
	for text, unread := range map[string]string{
		"1801398600123": "", "'1801398600123'": "", "'2027-01-31 12:30:00.123'": "", "'2027-01-31T12:30:00.123Z'": "",
		"'soon'": `"soon"`, "''": `""`, "'0001-01-01T00:00:00Z'": `"0001-01-01T00:00:00Z"`, "'0001-01-01T00:00:00.0001Z'": `"0001-01-01T00:00:00.0001Z"`,
		"900000000000000000": `"900000000000000000"`, "-900000000000000000": `"-900000000000000000"`, "'1e30'": `"1e30"`,
		"'" + strings.Repeat("x", 50) + "'": `"` + strings.Repeat("x", 40) + `…"`,
	} {
		path := filepath.Join(t.TempDir(), "data.db")
		fill(t, "sqlite", path, strings.ReplaceAll(tables(version5, "text"), "EXPIRY", text))
		checkMoment(t, text, path, time.UTC, unread, false)
	}
	path := filepath.Join(t.TempDir(), "data.db") // where numbers stay numbers
	fill(t, "sqlite", path, strings.ReplaceAll(tables(version5, "real"), "EXPIRY", "1e30"))
	checkMoment(t, "1e30", path, time.UTC, `"1e+30"`, false)
}

// Strapi's driver writes the clock of its process into columns without a time zone.
func TestTimeZone(t *testing.T) {
	server := pgtest.Shared(t)
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for text, test := range map[string]struct {
		column, unread string
		zone           *time.Location
		zoneless       bool
	}{
		"'2027-01-31 21:30:00.123'":    {"timestamp(6)", "", tokyo, true},
		"'2027-01-31 12:30:00.123'":    {"timestamp(6)", "", time.UTC, true},
		"'2027-01-31 21:30:00.123+09'": {"timestamptz", "", tokyo, false},
		"NULL":                         {"timestamp(6)", "none", tokyo, false},
		"'infinity'":                   {"timestamp(6)", `"infinity"`, tokyo, false},
		"'-infinity'":                  {"timestamptz", `"-infinity"`, tokyo, false},
		"'0044-03-15 12:00 BC'":        {"timestamp(6)", `"-0043-03-15 02:41:01 +0000 UTC"`, tokyo, true},
		"'10000-01-01 00:00+00'":       {"timestamptz", `"10000-01-01 00:00:00 +0000 UTC"`, tokyo, false},
	} {
		dsn := server.DSN(server.Database(t), pgtest.Superuser)
		fill(t, "pgx", dsn, strings.ReplaceAll(tables(version5, test.column), "EXPIRY", text))
		checkMoment(t, text, dsn, test.zone, test.unread, test.zoneless)
	}
	path := filepath.Join(t.TempDir(), "data.db") // which has milliseconds, whatever the clock
	fill(t, "sqlite", path, strings.ReplaceAll(tables(version5, "timestamp"), "EXPIRY", "1801398600123"))
	checkMoment(t, "SQLite", path, tokyo, "", false)
}

// checkMoment reads the expiry of the token that has one: it is the one of all these
// tests if nothing is unread.
func checkMoment(t *testing.T, name, source string, zone *time.Location, unread string, zoneless bool) {
	t.Helper()
	want := expiry
	if unread != "" {
		want = time.Time{}
	}
	if unread == "none" {
		unread = ""
	}
	got, err := strapi.Read(t.Context(), source, zone)
	if err != nil || len(got.Tokens) != 3 {
		t.Errorf("%s: %+v, %v", name, got, err)
		return
	}
	if token := got.Tokens[0]; !token.Expiry.Equal(want) || token.Unread != unread || got.Zoneless != zoneless {
		t.Errorf("%s: %s, unread %s, zoneless %t", name, token.Expiry, token.Unread, got.Zoneless)
	}
}

// Clocks that are set forward and back show some times never and some twice. Of these
// it is the first: no token works longer than in Strapi.
func TestWallClock(t *testing.T) {
	for _, test := range []struct{ zone, clock, want string }{
		{"Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"},
		{"Europe/Berlin", "2026-12-01T12:00:00Z", "2026-12-01T11:00:00Z"},
		{"Europe/Berlin", "2026-10-25T01:59:59Z", "2026-10-24T23:59:59Z"},
		{"Europe/Berlin", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"},
		{"Europe/Berlin", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"},
		{"Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T11:00:00Z"},
		{"Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T10:00:00Z"},
		{"America/New_York", "2026-11-01T01:30:00Z", "2026-11-01T05:30:00Z"},
		{"America/New_York", "2026-11-01T02:00:00Z", "2026-11-01T07:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-05T01:45:00Z", "2026-04-04T14:45:00Z"},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		clock, err := time.Parse(time.RFC3339, test.clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := strapi.InZone(clock, zone).UTC().Format(time.RFC3339); got != test.want {
			t.Errorf("%s in %s is %s; want %s", test.clock, test.zone, got, test.want)
		}
	}
}
