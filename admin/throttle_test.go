package admin

import (
	"fmt"
	"testing"
	"time"
)

// Memory is bounded, and a flood of new names does not make it forget the one
// that is being guessed at.
func TestThrottleIsBounded(t *testing.T) {
	throttle := newThrottle()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i := range freeByName + 3 {
		now = now.Add(longestDelay)
		throttle.begin(now, "ann", fmt.Sprint("a", i), false)
	}
	for i := range maxTracked + 500 {
		now = now.Add(time.Microsecond)
		throttle.begin(now, fmt.Sprint("flood", i), fmt.Sprint("b", i), false)
	}
	if len(throttle.names) > maxTracked || len(throttle.networks) > maxTracked {
		t.Errorf("%d names and %d networks are kept", len(throttle.names), len(throttle.networks))
	}
	if byName, _ := throttle.wait(now, "ann", "c"); byName <= 0 {
		t.Error("a flood made it forget")
	}
}

func TestPace(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	p := &pace{}
	written := 0
	for range 6 * 60 * 10 { // ten a second, for six minutes
		if _, ok := p.allow(now); ok {
			written++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if written < paceBurst+35 || written > paceBurst+36 {
		t.Errorf("%d were written", written)
	}
}
