package ui

import (
	"time"

	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// span is a moment as people read it: how long ago, or how far ahead, and exactly.
// The exact time is UTC here; a script turns it into the time zone of the reader.
type span struct {
	Never    bool
	Relative string
	Exact    string // 2 Jan 2026, 15:04 UTC
	Machine  string // RFC 3339
}

// newSpan takes a time.Time or a *time.Time; nil and zero are never.
func newSpan(now time.Time, moment any) span {
	var t time.Time
	switch m := moment.(type) {
	case time.Time:
		t = m
	case *time.Time:
		if m != nil {
			t = *m
		}
	}
	if t.IsZero() {
		return span{Never: true}
	}
	t = t.UTC()
	return span{Relative: relative(now, t), Exact: t.Format("2 Jan 2006, 15:04 UTC"), Machine: t.Format(time.RFC3339)}
}

// units are what distances are told in, each up to a number of the next one.
var units = []struct {
	key  string
	size time.Duration
	upTo int
}{
	{"minute", time.Minute, 59}, {"hour", time.Hour, 23}, {"day", 24 * time.Hour, 99}, {"month", 30 * 24 * time.Hour, 11},
}

const year = 365 * 24 * time.Hour

// relative rounds to the nearest: what ends 30 days after it was made ends "in 30
// days" also a moment later. What this very request did is past, although it began before.
func relative(now, t time.Time) string {
	direction, distance := "past", now.Sub(t)
	if distance < -time.Second {
		direction, distance = "future", -distance
	}
	if distance.Round(time.Minute) == 0 {
		return texts.Get("time." + direction + ".now")
	}
	for _, unit := range units {
		if n := nearest(distance, unit.size); n <= unit.upTo {
			return texts.Count("time."+direction+"."+unit.key, n)
		}
	}
	return texts.Count("time."+direction+".year", nearest(distance, year))
}

func nearest(distance, unit time.Duration) int {
	return max(1, int((distance+unit/2)/unit))
}
