package admin

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Passwords hashes passwords slowly. Its methods are safe for concurrent use.
type Passwords interface {
	// Hash returns a salted hash in PHC form.
	Hash(password string) (string, error)
	// Compare reports whether the password is that of the hash. A hash that
	// can't be read is an error.
	Compare(hash, password string) (bool, error)
}

// WithPasswords sets how passwords are hashed and returns the service. It is
// called before the first use.
func (s *Service) WithPasswords(p Passwords) *Service {
	s.passwords = newPasswords(p)
	return s
}

// maxWaiting is how many may wait for their turn to be hashed.
const maxWaiting = 64

// passwords hashes one at a time: each hash costs memory and time on purpose, so
// a thousand at once must not take the machine.
type passwords struct {
	hasher  Passwords
	turns   places
	waiting atomic.Int64
	spent   int // hashes since tidyUp collected; for who has the turn
	// dummy is compared with for names that are unknown, so that time does not
	// tell them from others. What comes out is not looked at.
	dummy func() (string, error)
}

func newPasswords(p Passwords) *passwords {
	return &passwords{
		hasher: p, turns: make(places, 1),
		dummy: sync.OnceValues(func() (string, error) { return p.Hash("nobody's password") }),
	}
}

var errNoPasswords = errors.New("this service was made without passwords")

func (p *passwords) hash(ctx context.Context, password string) (hash string, err error) {
	err = p.inTurn(ctx, func() error {
		hash, err = p.hasher.Hash(password)
		return err
	})
	return hash, err
}

// compare compares with a hash, or for the empty one as slowly with a dummy that
// no password has.
func (p *passwords) compare(ctx context.Context, hash, password string) (same bool, err error) {
	err = p.inTurn(ctx, func() error {
		dummy, err := p.dummy()
		if err != nil {
			return err
		}
		if hash == "" {
			_, err = p.hasher.Compare(dummy, password)
			return err
		}
		same, err = p.hasher.Compare(hash, password)
		return err
	})
	return same && err == nil, err
}

// inTurn runs fn when few others run. With too many waiting it is a *ThrottledError.
func (p *passwords) inTurn(ctx context.Context, fn func() error) error {
	if p == nil {
		return errNoPasswords
	}
	if p.waiting.Add(1) > maxWaiting {
		p.waiting.Add(-1)
		return &ThrottledError{RetryAfter: time.Second}
	}
	defer p.waiting.Add(-1)
	if err := p.turns.enter(ctx); err != nil {
		return err
	}
	defer p.turns.leave()
	defer p.tidyUp()
	return fn()
}

// hashesPerTidying is how many hashes leave their memory behind at most.
const hashesPerTidying = 4

// tidyUp gives the memory of hashes back. Each leaves tens of megabytes behind,
// and the collector, which goes by the size of the heap, would let strangers who
// guess passwords grow that to gigabytes. It is called by who has the turn.
func (p *passwords) tidyUp() {
	if p.spent++; p.spent < hashesPerTidying && p.waiting.Load() > 1 {
		return
	}
	p.spent = 0
	runtime.GC()
}
