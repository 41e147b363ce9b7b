package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// step is one change of one token, planned to the last bit before it is made:
// what it draws from is seeded and its clock stands still. So what comes of it is
// known also when nobody hears whether it was made.
type step struct {
	Kind    string // create, enable, disable, grants, expiry, describe, regenerate or delete
	ID      string
	Name    string
	At      time.Time     // the clock of whoever makes it
	Seed    uint64        // of create and regenerate
	Type    token.Type    // of create and grants
	Grants  []string      // of create and grants
	Expiry  time.Time     // of create and expiry; zero is unlimited
	Overlap time.Duration // of regenerate
	Text    string        // of describe
	Version int64         // of describe: the one that it wants to find; zero is any
}

// protected is the API of all tokens here, the one of Caddyfile.example.
const protected = "articles"

func seeded(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// drawn is what a create with this seed makes; a regenerate makes the same secret.
func drawn(seed uint64) (secret token.Secret, id string) {
	random := seeded(seed)
	secret, err := token.Mint(random)
	if err != nil {
		panic(err)
	}
	if id, err = token.NewID(random); err != nil {
		panic(err)
	}
	return secret, id
}

// duration writes the expiry as the service reads it.
func (s *step) duration() string {
	if s.Expiry.IsZero() {
		return "unlimited"
	}
	return s.Expiry.Format(time.RFC3339Nano)
}

func update(ctx context.Context, service *admin.Service, id string, e admin.Edit) (token.Token, error) {
	change, err := service.Update(ctx, admin.Operator("test"), id, e)
	return change.Token, err
}

// run makes the change on a store, by the same service as the command line.
func (s *step) run(ctx context.Context, to store.Store) (err error) {
	service, by := admin.New(to, func() time.Time { return s.At }, seeded(s.Seed)), admin.Operator("test")
	var got token.Token
	switch s.Kind {
	case "create":
		got, _, err = service.Create(ctx, by, admin.NewToken{API: protected, Name: s.Name, Type: s.Type, Grants: s.Grants, Duration: s.duration()})
	case "enable", "disable":
		got, err = service.SetEnabled(ctx, by, s.ID, 0, s.Kind == "enable")
	case "grants":
		got, err = update(ctx, service, s.ID, admin.Edit{Type: &s.Type, Grants: &s.Grants})
	case "expiry":
		duration := s.duration()
		got, err = update(ctx, service, s.ID, admin.Edit{Duration: &duration})
	case "describe":
		got, err = update(ctx, service, s.ID, admin.Edit{Version: s.Version, Description: &s.Text})
	case "regenerate":
		got, _, err = service.Regenerate(ctx, by, s.ID, 0, s.Overlap)
	case "delete":
		got, err = service.Delete(ctx, by, s.ID, 0)
	default:
		panic(s.Kind)
	}
	if err == nil && got.ID != s.ID {
		err = fmt.Errorf("the test has it that the token is %s, the service %s", s.ID, got.ID)
	}
	return err
}

// state is a token with its secrets as it stands in the store; the zero state is
// none. Last use is not a part of it.
type state struct {
	there   bool
	token   token.Token
	secrets map[token.Digest]time.Time // when each ends; zero: with the token
}

// after is what the change makes of a state.
func (s *step) after(before state) state {
	now := before
	now.secrets = maps.Clone(before.secrets)
	switch s.Kind {
	case "create":
		secret, id := drawn(s.Seed)
		return state{true, token.Token{
			ID: id, API: protected, Name: s.Name, Type: s.Type, Grants: s.Grants, Enabled: true, Hint: secret.Hint(),
			Expiry: s.Expiry, Created: s.At, Updated: s.At, Version: 1,
		}, map[token.Digest]time.Time{secret.Digest(): {}}}
	case "delete":
		return state{}
	case "enable", "disable":
		now.token.Enabled = s.Kind == "enable"
	case "grants":
		now.token.Type, now.token.Grants = s.Type, s.Grants
	case "expiry":
		now.token.Expiry = s.Expiry
	case "describe":
		now.token.Description = s.Text
	case "regenerate":
		secret, _ := drawn(s.Seed)
		for digest, end := range now.secrets {
			if until := s.At.Add(s.Overlap); end.IsZero() || end.After(until) {
				end = until
			}
			now.secrets[digest] = end
			if !end.After(s.At) {
				delete(now.secrets, digest)
			}
		}
		now.secrets[secret.Digest()] = time.Time{}
		now.token.Hint = secret.Hint()
	}
	if s.Kind != "regenerate" && now.equal(&before) {
		return now // what changes nothing is no change
	}
	now.token.Updated = s.At
	now.token.Version++
	return now
}

// verdict is the status that a request gets: GET and POST of /api/articles are
// what the tokens here can be granted.
func (s *state) verdict(digest token.Digest, method string, at time.Time) int {
	end, known := s.secrets[digest]
	switch {
	case !s.there || !known || !end.IsZero() && !at.Before(end) || s.token.Status(at) != token.Active:
		return 401
	case s.token.Type == token.FullAccess, s.token.Type == token.ReadOnly && method == "GET",
		s.token.Type == token.Custom && slices.Contains(s.token.Grants, permissions[method]):
		return 200
	}
	return 403
}

var permissions = map[string]string{"GET": "article.find", "POST": "article.create"}

func (s *state) equal(other *state) bool { return reflect.DeepEqual(s.canonical(), other.canonical()) }

// canonical leaves out what two equal states can differ in.
func (s *state) canonical() state {
	c := *s
	c.token.LastUsed = time.Time{}
	for _, moment := range []*time.Time{&c.token.Expiry, &c.token.Created, &c.token.Updated} {
		*moment = inUTC(*moment)
	}
	if len(c.token.Grants) == 0 {
		c.token.Grants = nil
	}
	c.secrets = map[token.Digest]time.Time{}
	for digest, end := range s.secrets {
		c.secrets[digest] = inUTC(end)
	}
	return c
}

func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func (s *state) String() string {
	if !s.there {
		return "no token"
	}
	text := fmt.Sprintf("%+v, secrets", s.canonical().token)
	for digest, end := range s.secrets {
		text += fmt.Sprintf(" %x…", digest[:4])
		if !end.IsZero() {
			text += " until " + end.Format(time.StampMilli)
		}
	}
	return text
}

// readAll reads the states of all tokens, by their ids.
func readAll(ctx context.Context, from store.Store) (map[string]state, error) {
	all := map[string]state{}
	err := from.Export(ctx, func(r store.Record) error {
		one := state{there: true, token: r.Token, secrets: map[token.Digest]time.Time{}}
		for _, secret := range r.Secrets {
			one.secrets[secret.Digest] = secret.Expiry
		}
		all[r.Token.ID] = one
		return nil
	})
	return all, err
}
