package e2e

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
)

const changeTimeout = 3 * time.Second

// change changes the tokens of one lane, and finds out what came of changes that
// nobody answered before it goes on.
func (x *chaos) change(ctx context.Context, name string) {
	l := newLane(x.seed, name, 30, 4*time.Second)
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.lanes = append(x.lanes, l)
	}()
	for ctx.Err() == nil && !x.t.Failed() {
		x.quiet.RLock()
		err := x.makeOne(l)
		x.quiet.RUnlock()
		if err != nil {
			x.problem("%s: %v", name, err)
			return
		}
		time.Sleep(time.Duration(l.rng.IntN(150)) * time.Millisecond)
	}
}

func (x *chaos) makeOne(l *lane) error {
	before := len(l.given)
	s := l.plan(time.Now())
	x.book.add(l.given[before:]...)
	old := l.tokens[s.ID]
	now := s.after(old)
	first, err := x.try(&s, now)
	switch {
	case err == nil:
		x.history.known(s.ID, first)
		x.tally.changed.Add(1)
		l.now(s.ID, now)
		x.book.note(l, s.ID)
		return nil
	case !open(err):
		return fmt.Errorf("%+v: %w", s, err)
	}
	x.tally.ambiguous.Add(1)
	found, err := x.findOut(&s, old, now)
	if err != nil {
		return err
	}
	if found.equal(&now) || found.token.Version > now.token.Version {
		x.tally.made.Add(1)
	} else {
		x.tally.lost.Add(1)
	}
	l.now(s.ID, found)
	x.book.note(l, s.ID)
	return nil
}

// try makes a change that may lead to a state.
func (x *chaos) try(s *step, now state) (*span, error) {
	may := x.history.maybe(s.ID, now)
	ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
	defer cancel()
	return may, s.run(ctx, x.changes)
}

// open reports whether an error leaves open whether the change was made. An error
// that says why it can't be made does not.
func open(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// findOut finds out what came of a change without an answer. It is not enough to
// look: the change may still be under way in a Postgres that hangs. So it makes a
// change of its own, of the very row that the other one has locked if it is
// under way, and only if that is as it was read. When this is answered, the other
// has happened before it or never will.
func (x *chaos) findOut(s *step, old, now state) (state, error) {
	possible := []state{old, now}
	var last error
	for begin, n := time.Now(), 0; time.Since(begin) < patience; n++ {
		time.Sleep(20 * time.Millisecond)
		got, err := x.read(s.ID)
		if err != nil {
			last = err
			continue
		}
		if !isOneOf(&got, possible) {
			return got, fmt.Errorf("half a change %+v: the store has\n%v\nbefore it was\n%v\nafter it\n%v", s, &got, &old, &now)
		}
		if !got.there && s.Kind == "delete" { // nobody makes it again
			x.history.known(s.ID, x.history.maybe(s.ID, got))
			return got, nil
		}
		settling := *s // a create without effect is made again
		if got.there {
			settling = step{
				Kind: "describe", ID: s.ID, At: time.Now().UTC().Truncate(time.Millisecond),
				Version: got.token.Version, Text: fmt.Sprintf("settled %d at %d", n, time.Now().UnixNano()), // one that changes nothing would wait for nobody
			}
		}
		settled := settling.after(got)
		possible = append(possible, settled)
		// An error leaves it to the next look, whatever it is: a conflict says
		// that the change was under way indeed.
		var is *span
		if is, last = x.try(&settling, settled); last == nil {
			x.history.known(s.ID, is)
			return settled, nil
		}
	}
	return state{}, fmt.Errorf("after %v nobody can say what came of %+v: %w", patience, s, last)
}

// read reads one token past all proxies.
func (x *chaos) read(id string) (state, error) {
	ctx, cancel := context.WithTimeout(context.Background(), changeTimeout)
	defer cancel()
	all, err := readAll(ctx, x.direct)
	return all[id], err
}

func isOneOf(s *state, all []state) bool {
	for i := range all {
		if all[i].equal(s) {
			return true
		}
	}
	return false
}
