package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Foreign is a token of another system as it shall be taken over.
type Foreign struct {
	NewToken

	Where string // it was read: "line 3"
	// Expiry, if set, counts instead of Duration and may be past: clients of the other
	// system may want to hear that their token expired, not that it is unknown.
	Expiry time.Time
	// Unread is what stands there in place of an expiry and is none, in quotes.
	Unread   string
	Disabled bool
	// Again, if set, lets a secret come back that ended here.
	Again bool
	// Secret is its text, or, if there is a scheme, Hash what the other system stored
	// under that, in hexadecimal digits.
	Secret string
	Hash   string
	Scheme token.Scheme
}

// TakenOver is what became of a Foreign token.
type TakenOver struct {
	Where    string
	Token    token.Token // with the id and name of the one that is there, or as it was asked for
	There    bool        // its secret was here already; nothing was done
	Differs  []string    // in what the one that is there differs from the other system's
	Gone     bool        // its secret was here and ended, so it is left out
	Problems FieldErrors // why it can't be taken over
}

// MaxTakeOver is how many tokens can be taken over at a time.
const MaxTakeOver = 10_000

// unknownHint stands where nobody knows the last characters of a secret.
const unknownHint = "…????"

// errNotApplied ends a transaction whose changes are not wanted.
var errNotApplied = errors.New("nothing was changed")

// TakeOver makes tokens for secrets that another system minted: all of them, or
// none if apply isn't set or one has problems. Tokens whose secrets are here
// already stay as they are, and those whose secrets ended here are left out, so that
// it can run again.
func (s *Service) TakeOver(ctx context.Context, actor Actor, list []Foreign, apply bool) ([]TakenOver, error) {
	if len(list) > MaxTakeOver {
		return nil, fmt.Errorf("there are %d tokens; take over at most %d at a time", len(list), MaxTakeOver)
	}
	prepared := make([]foreign, len(list))
	for i := range list {
		var err error
		if prepared[i], err = s.prepare(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	var outcome []TakenOver
	err := s.changeTokens(ctx, actor, func(tx *staged, who *Actor) error {
		outcome = nil // the transaction may run more than once
		if err := who.needAny(TokenCreate); err != nil {
			return err
		}
		wanted := apply
		first := firsts{secrets: map[token.Digest]string{}, names: map[apiName]string{}}
		for i := range prepared {
			o, err := s.takeOver(ctx, tx, who, &prepared[i], first)
			if err != nil {
				return err
			}
			wanted = wanted && len(o.Problems) == 0
			outcome = append(outcome, o)
		}
		if !wanted {
			return errNotApplied
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNotApplied) {
		return nil, err
	}
	return outcome, nil
}

// foreign is a token on its way from another system.
type foreign struct {
	creation
	where    string
	again    bool
	relative bool         // it ends some time after it was made, whenever that was
	unread   string       // what is no expiry
	there    *token.Token // that has the secret; nil if there is none
}

// firsts says where in a list each secret and each name was met first.
type firsts struct {
	secrets map[token.Digest]string
	names   map[apiName]string
}

type apiName struct{ api, name string }

// noteName notes where a name was met, and a problem if that is not the first time.
func (f firsts) noteName(c *creation, where string) {
	name := apiName{c.token.API, c.token.Name}
	if first, twice := f.names[name]; twice && name.name != "" {
		c.problems.addf("name", "is that of %s as well; every token needs its own", first)
		return
	}
	f.names[name] = where
}

// prepare does what needs no transaction.
func (s *Service) prepare(ctx context.Context, f *Foreign) (foreign, error) {
	c, err := f.creation()
	if err != nil {
		return foreign{}, err
	}
	id, err := token.NewID(s.random)
	if err != nil {
		return foreign{}, err
	}
	d := f.NewToken
	if !f.Expiry.IsZero() {
		d.Duration = "unlimited"
	}
	asked, problems, err := d.token(id, s.now())
	if err != nil {
		return foreign{}, err
	}
	if !f.Expiry.IsZero() {
		asked.Expiry = f.Expiry.UTC().Truncate(time.Millisecond)
	}
	c.token, c.problems = asked, append(c.problems, problems...)
	c.token.Enabled = !f.Disabled
	if f.Unread != "" {
		c.problems.addf("expiry", "%s is no time; mend it there, or leave the token out", f.Unread)
	}
	prepared := foreign{creation: *c, where: f.Where, again: f.Again, unread: f.Unread}
	if _, err := token.ParseSpan(f.Duration); err == nil {
		prepared.relative = f.Expiry.IsZero()
	}
	found, err := s.store.Lookup(ctx, c.secret.Digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case errors.Is(err, store.ErrUnreadable):
		return prepared, prepared.problems.add(secretProblem(store.ErrSecretTaken))
	case err != nil:
		return prepared, err
	default:
		prepared.there = &found.Token
	}
	return prepared, nil
}

func (f *Foreign) creation() (*creation, error) {
	if f.Scheme == "" {
		c, err := importing(f.Secret)
		if err == nil {
			// Stores take our prefix for a sign that the secret is in no list to import, and
			// don't remember it when it ends.
			c.secret.Hint = strings.TrimPrefix(c.secret.Hint, token.Prefix)
		}
		return c, err
	}
	c := &creation{action: tokenImport}
	if f.Hash == "" {
		c.problems.addf("secret", "has no hash there, so no client can use it; leave the token out")
		return c, nil
	}
	digest, err := token.ParseDigest(f.Scheme, f.Hash)
	if err != nil {
		c.problems.addf("secret", "%v", err)
	}
	c.secret = store.Secret{Digest: digest, Scheme: f.Scheme, Hint: unknownHint}
	return c, nil
}

// takeOver adds one token, unless it is there.
func (s *Service) takeOver(ctx context.Context, tx *staged, who *Actor, f *foreign, first firsts) (TakenOver, error) {
	o := TakenOver{Where: f.where, Token: f.token}
	c := f.creation
	there, err := f.found(ctx, tx)
	if err != nil {
		return o, err
	}
	where, twice := first.secrets[c.secret.Digest]
	first.secrets[c.secret.Digest] = f.where
	if o.Gone, err = f.gone(ctx, tx, there); o.Gone || err != nil {
		return o, err
	}
	if there != nil && !twice && there.API == c.token.API && who.sees(there) {
		o.Token, o.There, o.Differs = *there, true, f.differs(there)
		return o, nil
	}
	switch {
	case len(c.problems) > 0: // its secret may be none
	case twice:
		c.problems.addf("secret", "is that of %s as well; every token needs its own", where)
	case there != nil:
		c.belongsTo(there, who)
	}
	first.noteName(&c, f.where)
	staged, err := tx.isStaged(ctx, c.token.API)
	if err != nil {
		return o, err
	}
	if staged {
		o.Token.Draft = token.DraftCreate
	}
	err = s.add(ctx, tx, who, &c)
	if problems, ok := errors.AsType[FieldErrors](err); ok {
		o.Problems = problems
		return o, nil
	}
	return o, err
}

// belongsTo notes that the secret is that of another token, which is named to those
// who may know of it.
func (c *creation) belongsTo(other *token.Token, who *Actor) {
	if !who.sees(other) {
		c.taken = true
		return
	}
	c.problems.addf("secret", "belongs to token %q of API %s already", other.Name, other.API)
}

// gone reports whether the secret was here and ended, and nobody asks for it again.
func (f *foreign) gone(ctx context.Context, tx *staged, there *token.Token) (bool, error) {
	if there != nil || f.again {
		return false, nil
	}
	return tx.Gone(ctx, f.secret.Digest)
}

// found returns the token, or the draft of one, that has the secret; nil if there is none.
func (f *foreign) found(ctx context.Context, tx *staged) (*token.Token, error) {
	if f.there != nil {
		return f.there, nil
	}
	d, err := tx.withSecret(ctx, f.secret.Digest)
	if err != nil || d == nil || len(f.problems) > 0 {
		return nil, err
	}
	t, err := tx.Token(ctx, d.TokenID)
	return &t, err
}
