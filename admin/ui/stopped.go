package ui

import (
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// stopped is why no secret of a token works, also not a new one.
type stopped struct {
	ID        string
	Disabled  bool
	Expired   time.Time // when it did; zero if it did not
	MayUpdate bool      // whoever asks can mend it
}

func stoppedOf(c *call, t *token.Token) stopped {
	s := stopped{ID: t.ID, Disabled: !t.Enabled, MayUpdate: c.actor.May(admin.TokenUpdate, t) && !c.actor.ActsForOther(t)}
	if !t.Expiry.IsZero() && !c.now.Before(t.Expiry) {
		s.Expired = t.Expiry
	}
	return s
}

// Is reports whether anything stops the token.
func (s stopped) Is() bool { return s.Disabled || !s.Expired.IsZero() }
