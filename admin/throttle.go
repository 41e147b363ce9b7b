package admin

import (
	"sync"
	"time"
)

// How attempts to sign in are slowed down. The first failures cost nothing; each
// one after those doubles the delay until the next attempt, up to the longest.
const (
	freeByName    = 5  // failures
	freeByNetwork = 20 // failures: an office may share one address
	firstDelay    = time.Second
	longestDelay  = 5 * time.Minute
	forgetAfter   = time.Hour // without an attempt
	maxTracked    = 10_000    // names, and as many networks
)

// throttle slows down guessing, by the name that is tried and by the network that
// tries. It is in memory: the worst that forgetting does is a few attempts more.
//
// Nobody is locked out for good: a delay has an end and refused attempts don't
// prolong it. Whoever comes from a network that has signed in to the account
// before passes by the delay of the name, so that guessing from elsewhere can't
// keep them out; only the failures of their own network count for them.
type throttle struct {
	mu       sync.Mutex
	names    map[string]*attempts
	networks map[string]*attempts
}

// attempts are those of one name or network that failed, or have not ended yet.
type attempts struct {
	failed int
	last   time.Time
	next   time.Time // none before this
}

func newThrottle() *throttle {
	return &throttle{names: map[string]*attempts{}, networks: map[string]*attempts{}}
}

// wait returns how long name and network have to wait, each.
func (t *throttle) wait(now time.Time, name, network string) (byName, byNetwork time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[name].wait(now), t.networks[network].wait(now)
}

// attempt is one that was let through.
type attempt struct {
	throttle *throttle
	counted  []*attempts
}

// begin counts an attempt as failed until succeed says otherwise, so that many at
// once are no way around. If it has to wait it counts nothing and says how long.
// A familiar network has nothing to do with the failures of the name.
func (t *throttle) begin(now time.Time, name, network string, familiar bool) (attempt, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := t.networks[network].wait(now)
	if !familiar {
		wait = max(wait, t.names[name].wait(now))
	}
	if wait > 0 {
		return attempt{}, wait
	}
	a := attempt{throttle: t, counted: []*attempts{count(t.networks, network, freeByNetwork, now)}}
	if !familiar {
		a.counted = append(a.counted, count(t.names, name, freeByName, now))
	}
	return a, 0
}

// succeed takes back what begin counted. It forgives no earlier failures: else an
// attacker with an account of their own could sign in to it between guesses.
func (a attempt) succeed(now time.Time) {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	for _, counted := range a.counted {
		counted.failed--
		counted.next = now
	}
}

func (a *attempts) wait(now time.Time) time.Duration {
	if a == nil || now.Sub(a.last) >= forgetAfter {
		return 0
	}
	return max(0, a.next.Sub(now))
}

func count(all map[string]*attempts, key string, free int, now time.Time) *attempts {
	a := all[key]
	if a == nil || now.Sub(a.last) >= forgetAfter {
		if a == nil && len(all) >= maxTracked {
			makeRoom(all, now)
		}
		a = &attempts{}
		all[key] = a
	}
	a.failed++
	a.last, a.next = now, now
	if beyond := a.failed - free; beyond > 0 {
		a.next = now.Add(delay(beyond))
	}
	return a
}

func delay(beyond int) time.Duration {
	if beyond > 16 {
		return longestDelay
	}
	return min(longestDelay, firstDelay<<(beyond-1))
}

// makeRoom forgets what is old, else whoever failed least: a flood of new names
// must not make it forget the one that is being guessed at.
func makeRoom(all map[string]*attempts, now time.Time) {
	var least string
	for key, a := range all {
		if now.Sub(a.last) >= forgetAfter {
			delete(all, key)
			continue
		}
		if old := all[least]; old == nil || a.failed < old.failed || a.failed == old.failed && a.last.Before(old.last) {
			least = key
		}
	}
	if len(all) >= maxTracked {
		delete(all, least)
	}
}
