package rest

import (
	"net/http"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// Admission finds out who asks, and refuses those who ask too often. The API and the
// pages share one, so that nobody gets twice as much by asking both.
type Admission struct {
	cookie   Cookie
	address  func(*http.Request) string
	accounts *limiter
	unknown  *limiter // networks of those who have no account
	good     *recent  // sessions
}

// NewAdmission returns one with a rate for each account, and one for each network of
// those without an account; zero is the usual one.
func NewAdmission(cookie Cookie, address func(*http.Request) string, account, network Rate, now func() time.Time) *Admission {
	return &Admission{
		cookie: cookie, address: address,
		accounts: newLimiter(account.or(Rate{PerSecond: 50, Burst: 200}), now),
		unknown:  newLimiter(network.or(Rate{PerSecond: 5, Burst: 50}), now),
		good:     newRecent(),
	}
}

// Admit returns who asks by the authenticator, or an error, which is a *ProblemError
// with the status 429 for those who ask too often. Nobody is asked who they are if
// that is nil. Who has no account is counted by network, so that a flood of strangers
// behind the same address does not lock out those who are signed in.
func (a *Admission) Admit(r *http.Request, who Authenticator) (admin.Actor, error) {
	network := admin.Network(a.address(r))
	if who == nil {
		return admin.Actor{}, spend(a.unknown, network)
	}
	actor, err := a.identify(r, who, network)
	if actor.Account != nil {
		err = spend(a.accounts, actor.Account.ID)
	}
	return actor, err
}

// identify asks who it is. To know that, the store is read; so who comes with a
// session that was not seen to be good has to have an attempt left for that first,
// and gets it back if it is.
func (a *Admission) identify(r *http.Request, who Authenticator, network string) (admin.Actor, error) {
	secret := a.cookie.Secret(r)
	digest := token.Hash(secret)
	strange := secret != "" && !a.good.has(digest)
	if strange {
		if err := spend(a.unknown, network); err != nil {
			return admin.Actor{}, err
		}
	}
	actor, err := who(r)
	switch {
	case actor.Account != nil:
		if strange {
			a.unknown.give(network)
		}
		if actor.Session != "" && secret != "" {
			a.good.add(digest)
		}
	case !strange:
		a.good.remove(digest)
		if tooOften := spend(a.unknown, network); tooOften != nil {
			return admin.Actor{}, tooOften
		}
	}
	return actor, err
}

// Welcome notes that a session has just begun.
func (a *Admission) Welcome(secret token.Secret) { a.good.add(secret.Digest()) }

// Renew hands the browser the new secret of its session, if there is one.
func (a *Admission) Renew(w http.ResponseWriter, secret token.Secret) {
	if secret.Reveal() != "" {
		a.cookie.Set(w, secret)
		a.Welcome(secret)
	}
}

func spend(l *limiter, key string) error {
	if wait := l.take(key); wait > 0 {
		return problem(http.StatusTooManyRequests, "rate_limited", "Too many requests. Try again in a moment.").with("Retry-After", seconds(wait))
	}
	return nil
}
