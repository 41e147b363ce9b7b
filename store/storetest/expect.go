package storetest

import (
	"errors"
	"reflect"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("error is %v, not %v", err, want)
	}
}

// isOnly also checks that the error is none of the contract's other outcomes.
func (s *suite) isOnly(err, want error) {
	s.Helper()
	s.is(err, want)
	for _, other := range outcomes {
		if !errors.Is(want, other) && errors.Is(err, other) {
			s.Fatalf("error %v is also %v", err, other)
		}
	}
}

// outcomes are those of the contract.
var outcomes = []error{
	store.ErrNotFound, store.ErrNameTaken, store.ErrSecretTaken,
	store.ErrConflict, store.ErrSubjectTaken, store.ErrBadCursor, store.ErrUnreadable, store.ErrUnavailable, store.ErrNotEmpty,
}

// isOther checks that there is an error, and that it is none of the contract's
// outcomes: a fault of the caller.
func (s *suite) isOther(err error) {
	s.Helper()
	if err == nil {
		s.Fatal("there is no error")
	}
	for _, outcome := range outcomes {
		if errors.Is(err, outcome) {
			s.Fatalf("error %v is %v", err, outcome)
		}
	}
}

// equal compares also the locations of times, which must be UTC.
func equal[T any](s *suite, got, want T) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// eventually waits until a condition holds.
func (s *suite) eventually(what string, condition func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) { //nolint:forbidigo // a deadline of the test itself
		if time.Now().After(deadline) { //nolint:forbidigo // a deadline of the test itself
			s.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

func (s *suite) gone(id string, digests ...token.Digest) {
	s.Helper()
	_, err := s.Store.Token(s.ctx, id)
	s.isOnly(err, store.ErrNotFound)
	for _, digest := range digests {
		_, err := s.Store.Lookup(s.ctx, digest)
		s.isOnly(err, store.ErrNotFound)
	}
}
