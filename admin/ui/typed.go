package ui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// typed is a form of a token that came after the session of who sent it had ended.
// The form to sign in carries it, so that it can be shown again, filled in: it is
// not sent by that, since anybody could have made it. Who signs in elsewhere, at a
// provider, does so beside it, and then asks for the form.
type typed struct {
	Path   string // where it was sent
	Fields []typedField
}

type typedField struct{ Name, Value string }

const (
	// maxTyped bounds what is read of, and said again to, who is not signed in.
	maxTyped = 128 << 10
	// typedPath and typedPrefix name, in the form to sign in, what it carries.
	typedPath   = "typed-path"
	typedPrefix = "typed."
	// typedAgainPath shows what was typed to who is signed in again.
	typedAgainPath = "/sign-in/typed"
)

// typedFields are all that the forms of tokens have. None is for a secret.
var typedFields = []string{
	"api", "name", "description", "owner", "type", "duration", "date", "until", "grant", "kept", "written", "nonce", "version", "began",
}

// editedToken returns the token that the form of a path is about, or "" for the
// form of a new one; ok is false for other paths.
func editedToken(path string) (id string, ok bool) {
	if path == "/tokens" {
		return "", true
	}
	id, found := strings.CutPrefix(path, "/tokens/")
	id, edit := strings.CutSuffix(id, "/edit")
	return id, found && edit && token.IsID(id)
}

// newTyped takes the fields out of a form in which they have a prefix; nil if there
// are none to be carried.
func newTyped(path, prefix string, form url.Values) *typed {
	if _, ok := editedToken(path); !ok {
		return nil
	}
	t := &typed{Path: path}
	size := 0
	for _, name := range typedFields {
		for _, value := range form[prefix+name] {
			if admin.ContainsSecret(value) {
				continue // none is written into a page again
			}
			t.Fields = append(t.Fields, typedField{typedPrefix + name, value})
			size += len(name) + len(value)
		}
	}
	if len(t.Fields) == 0 || size > maxTyped {
		return nil
	}
	return t
}

// carried takes what a form to sign in carries out of it; nil for nothing.
func carried(form url.Values) *typed {
	return newTyped(strings.TrimSpace(form.Get(typedPath)), typedPrefix, form)
}

// readTyped reads the form that came; nil if it is none that can be carried.
func readTyped(c *call) *typed {
	path := c.r.URL.Path
	if _, ok := editedToken(path); !ok && path != typedAgainPath {
		return nil
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxTyped)
	if c.r.ParseForm() != nil {
		return nil
	}
	if path == typedAgainPath {
		return carried(c.r.PostForm)
	}
	return newTyped(path, "", c.r.PostForm)
}

// typedAgain shows the form to who signed in beside it.
func (u *ui) typedAgain(c *call) error {
	kept := carried(c.r.PostForm)
	if kept == nil {
		return errForm
	}
	return u.showTyped(c, kept)
}

// showTyped shows the form again to who signed in just now.
func (u *ui) showTyped(c *call, kept *typed) error {
	c.r.PostForm = url.Values{}
	for _, field := range kept.Fields {
		c.r.PostForm.Add(strings.TrimPrefix(field.Name, typedPrefix), field.Value)
	}
	id, _ := editedToken(kept.Path)
	form, about, err := u.typedAbout(c, id)
	if err != nil {
		return err
	}
	if err := form.check(); err != nil {
		return err
	}
	body, err := u.newEditPage(c, form, about)
	if err != nil {
		return err
	}
	body.Again = true
	return u.showEdit(c, http.StatusOK, body, nil)
}

// typedAbout returns the form, and the token that it is about: nil for a new one.
func (u *ui) typedAbout(c *call, id string) (tokenForm, *token.Token, error) {
	if id == "" {
		return c.typed(), nil, mayMake(c)
	}
	c.r.SetPathValue("id", id)
	t, err := u.mayChange(c)
	if err != nil {
		return tokenForm{}, nil, err
	}
	form, err := c.typedEdit(&t)
	return form, &t, err
}
