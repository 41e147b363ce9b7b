package ui

import (
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		distance time.Duration // from now
		want     string
	}{
		{time.Second, "just now"},
		{-20 * time.Second, "just now"},
		{20 * time.Second, "in a moment"},
		{-40 * time.Second, "1 minute ago"},
		{59*time.Minute + 40*time.Second, "in 1 hour"},
		{24*time.Hour - time.Second, "in 1 day"},
		{-23*time.Hour - 50*time.Minute, "yesterday"},
		{30*day - time.Minute, "in 30 days"},
		{90*day - time.Minute, "in 90 days"},
		{99 * day, "in 99 days"},
		{100 * day, "in 3 months"},
		{-349 * day, "1 year ago"},
		{-344 * day, "11 months ago"},
		{2*365*day - time.Hour, "in 2 years"},
	} {
		if got := newSpan(now, now.Add(test.distance)).Relative; got != test.want {
			t.Errorf("%v: %q; want %q", test.distance, got, test.want)
		}
	}
}
