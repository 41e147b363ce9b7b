package ui

import (
	"net/http"
	"net/url"

	"github.com/tokenreeve/tokenreeve/token"
)

// secretPage is what the page of a new secret shows: once, as the answer to the
// form that made it.
type secretPage struct {
	Token    *token.Token
	Secret   string
	Draft    string // key of the texts: that it doesn't work yet; empty if it does
	Stopped  stopped
	Example  example
	Snippets []snippet
}

// showSecret answers the form that made a secret. title is a key of the texts, and so is
// draft, which says that the secret doesn't work yet; it may be empty.
// Nobody keeps the secret, so this page can't be shown again: a form that is sent
// once more must be told from a new one by whoever calls this.
func (u *ui) showSecret(c *call, t *token.Token, secret token.Secret, title, draft string) error {
	example, err := u.exampleFor(c, t)
	if err != nil {
		example.Mind = []string{"secret.no-example"} // the secret is what matters
		u.Failed(c.r, err)
	}
	return u.show(c, http.StatusOK, "secret", page{Title: title, Name: t.Name, Here: "/tokens", Body: secretPage{
		Token: t, Secret: secret.Reveal(), Draft: draft, Stopped: stoppedOf(c, t), Example: example, Snippets: example.snippets(secret.Reveal()),
	}})
}

// address returns where the API is for who asks, and whether that is known.
func (u *ui) address(c *call, place *Place) (string, bool) {
	at, err := url.Parse(place.Address)
	switch {
	case err != nil || place.Address == "":
		return "https://api.example.com", false
	case place.AnyHost:
		if here, err := url.Parse("//" + c.r.Host); err == nil && here.Hostname() != "" {
			at.Host = joinHostPort(here.Hostname(), at.Port())
		}
	}
	return at.String(), true
}
