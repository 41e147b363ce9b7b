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

// One who floods hides no more than their own, and all together fill no store.
func TestRefusalsArePaced(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r := newRefusals()
	written := 0
	for i := range 6 * 60 * 10 { // ten a second, for six minutes
		if _, ok := r.allow(now, "attacker", fmt.Sprint("acc_", i%7)); ok {
			written++
		}
		if i == 6*60*5 {
			if _, ok := r.allow(now, "somebody", "acc_ann"); !ok {
				t.Error("a flood from elsewhere hides another network's")
			}
		}
		now = now.Add(100 * time.Millisecond)
	}
	if written < 30+35 || written > 30+36 {
		t.Errorf("%d were written", written)
	}
	now = now.Add(paceOfOne.every)
	if dropped, ok := r.allow(now, "attacker", "acc_0"); !ok || dropped < 90 {
		t.Errorf("%d are said to be missing, %v", dropped, ok)
	}
	written = 0
	for i := range 1000 { // of one account, from everywhere
		if _, ok := r.allow(now, fmt.Sprint("network", i), "acc_bob"); ok {
			written++
		}
	}
	if written != 30 {
		t.Errorf("of one account %d were written", written)
	}
	for i := range 3 * maxPaced {
		if _, ok := r.allow(now, fmt.Sprint("flood", i), fmt.Sprint("acc_", i%100)); ok {
			written++
		}
	}
	if written > int(paceOfAll.burst) || len(r.of) > maxPaced {
		t.Errorf("in all %d were written, and %d are told apart", written, len(r.of))
	}
}
