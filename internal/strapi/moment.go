package strapi

import (
	"math"
	"strconv"
	"time"
)

// wallClock is a time as it stands in a column without a time zone: in UTC, which
// need not be where the clock hung.
type wallClock time.Time

// in returns when the clock showed this in a zone. An hour that comes twice, at the
// end of summer, is the first of both, as Strapi itself reads it.
func (w wallClock) in(zone *time.Location) time.Time {
	t := time.Time(w)
	in := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	_, offset := in.AddDate(0, 0, -1).Zone()
	first := t.Add(-time.Duration(offset) * time.Second)
	if _, now := first.In(zone).Zone(); now == offset {
		return first
	}
	return in
}

// moment reads a time, of which the zero one stands for none. What can't be read, or
// is no time that could be written as JSON, is returned as it stands there, in quotes.
func moment(value any) (t time.Time, unread string) {
	t, ok := readMoment(value)
	if value != nil && (!ok || t.Year() <= 1 || t.Year() > 9999) {
		return time.Time{}, strconv.Quote(shortened(text(value)))
	}
	return t, ""
}

// shortened keeps what is enough to know a value by.
func shortened(s string) string {
	if runes := []rune(s); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}

// readMoment knows that in SQLite Strapi keeps milliseconds since 1970.
func readMoment(value any) (t time.Time, ok bool) {
	switch v := value.(type) {
	case nil:
		return time.Time{}, true
	case time.Time:
		return v.UTC(), true
	case wallClock:
		return time.Time(v).UTC(), true
	case int64:
		return time.UnixMilli(v).UTC(), true
	case float64:
		return time.UnixMilli(int64(v)).UTC(), math.Abs(v) < math.MaxInt64
	}
	s := text(value)
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
