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
// not sent by that, since anybody could have made it.
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

// readTyped reads the form that came; nil if it is none that can be carried.
func (u *ui) readTyped(c *call) *typed {
	if _, ok := editedToken(c.r.URL.Path); !ok || !u.Password {
		return nil
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxTyped)
	if c.r.ParseForm() != nil {
		return nil
	}
	return newTyped(c.r.URL.Path, "", c.r.PostForm)
}

// showTyped shows the form again to who signed in just now.
func (u *ui) showTyped(c *call, in *admin.SignedIn, kept *typed) (err error) {
	if c.actor, err = u.Service.SessionActor(c.r.Context(), in.Secret.Reveal(), u.Address(c.r)); err != nil {
		return err
	}
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
