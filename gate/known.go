package gate

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// Known is a token as the gate keeps it: what it is, never what was decided.
// All but its atomic fields stays as it was read.
type Known struct {
	Token token.Token
	// Attachment is what Config.Attach made of the token.
	Attachment any

	identity     identity
	secretExpiry time.Time // zero if the secret lasts as long as the token

	digest     token.Digest
	read       time.Time // when the look-up began; with monotonic clock
	generation uint64
	retry      atomic.Int64 // no earlier re-read in the background than this; nanoseconds since read
	compiled   atomic.Pointer[compiled]
	compiling  sync.Mutex             // so that requests that come at once compile once
	resolver   weak.Pointer[Resolver] // to be told how large it became; the cache must not keep it
	usage      *usage
	unsalted   atomic.Pointer[unsalted]
}

// compiled is a custom token's grants, ready for one catalog.
type compiled struct {
	catalog *permission.Catalog
	grants  *permission.Grants
	err     error
}

// grants returns the grants, compiled for the catalog. That happens once; again
// only if another gate has another catalog for this API, as for a moment
// when the configuration is reloaded.
func (k *Known) grants(catalog *permission.Catalog) (*permission.Grants, error) {
	c := k.compiled.Load()
	if c == nil || !c.catalog.Same(catalog) {
		c = k.compile(catalog)
	}
	return c.grants, c.err
}

func (k *Known) compile(catalog *permission.Catalog) *compiled {
	k.compiling.Lock()
	defer k.compiling.Unlock()
	c := k.compiled.Load()
	if c == nil || !c.catalog.Same(catalog) {
		c = &compiled{catalog: catalog}
		c.grants, c.err = catalog.Compile(k.Token.Grants)
		k.compiled.Store(c)
		if r := k.resolver.Value(); r != nil {
			r.weigh(k)
		}
	}
	return c
}

// size is about how many bytes of memory the grants take, as far as they are compiled.
func (k *Known) size() int {
	if c := k.compiled.Load(); c != nil && c.grants != nil {
		return c.grants.Size()
	}
	return token.GrantBytes(k.Token.Grants)
}

// status is what the token is now, counting the end of this secret in.
func (k *Known) status(now time.Time) token.Status {
	s := k.Token.Status(now)
	if s == token.Active && !k.secretExpiry.IsZero() && !now.Before(k.secretExpiry) {
		return token.Expired
	}
	return s
}

// Tokens are the known tokens of a request: one, in almost every case.
type Tokens struct {
	First *Known
	Rest  []*Known
}

func (t Tokens) all(yield func(*Known) bool) {
	if t.First == nil || !yield(t.First) {
		return
	}
	for _, k := range t.Rest {
		if !yield(k) {
			return
		}
	}
}

func (t *Tokens) add(k *Known) {
	if t.First == nil {
		t.First = k
	} else {
		t.Rest = append(t.Rest, k)
	}
}

// join adds the tokens of other that are not there yet.
func (t *Tokens) join(other Tokens) {
	if t.First == nil {
		*t = other
		return
	}
	for k := range other.all {
		if k != t.First && !slices.Contains(t.Rest, k) {
			t.Rest = append(t.Rest, k)
		}
	}
}

// without returns the tokens that are not among others.
func (t Tokens) without(others Tokens) (rest []*Known) {
	if t.Rest == nil {
		return nil // one, which all there is to decide is about
	}
	for k := range t.all {
		if k != others.First && !slices.Contains(others.Rest, k) {
			rest = append(rest, k)
		}
	}
	return rest
}

// mayAll reports whether one of the tokens may do everything.
func (t Tokens) mayAll() bool {
	for k := range t.all {
		if k.Token.Type == token.FullAccess {
			return true
		}
	}
	return false
}

// pathsDecide reports whether no grant of the tokens asks for the values of parameters.
func (t Tokens) pathsDecide(catalog *permission.Catalog) bool {
	for k := range t.all {
		if k.Token.Type != token.Custom {
			continue
		}
		if grants, err := k.grants(catalog); err != nil || !grants.PathsDecide() {
			return false
		}
	}
	return true
}

// oneTokenEach refuses two tokens whose grants fix the same value of what a request
// may have one token for, and a token whose grants can't be read.
func (g *Gate) oneTokenEach(tokens *Tokens) Reason {
	var seen []*permission.Grants
	for k := range tokens.all {
		if k.Token.Type != token.Custom {
			continue
		}
		grants, err := k.grants(g.Catalog)
		if err != nil {
			*tokens = Tokens{First: k}
			return UnreadableToken
		}
		if slices.ContainsFunc(seen, func(other *permission.Grants) bool { return grants.Share(other, g.OneTokenFor) }) {
			*tokens = Tokens{First: k}
			return OverlappingTokens
		}
		seen = append(seen, grants)
	}
	return ""
}

// usable refuses a token that is switched off, past its end, or of another API.
func usable(tokens Tokens, api string, now time.Time) (Tokens, Reason) {
	for k := range tokens.all {
		reason := Reason("")
		switch status := k.status(now); {
		case k.Token.API != api:
			reason = OtherAPI
		case status == token.Disabled:
			reason = DisabledToken
		case status == token.Expired:
			reason = ExpiredToken
		}
		if reason != "" {
			return Tokens{First: k}, reason
		}
	}
	return tokens, ""
}
