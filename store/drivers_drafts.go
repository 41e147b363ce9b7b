package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// This file is for drivers as well: how all of them write a draft.

// draftText is a draft as stores keep it, beside the id of its token, its API and
// its version. Times are unix milliseconds, null for never.
type draftText struct {
	Base         *draftToken  `json:"base"`
	Token        *draftToken  `json:"token"`
	Secret       *draftSecret `json:"secret"`
	SecretAuthor string       `json:"secret_author,omitempty"` // missing in what older versions wrote
	Overlap      int64        `json:"overlap"`                 // in milliseconds
	Author       string       `json:"author"`
	Created      *int64       `json:"created"`
	Updated      *int64       `json:"updated"`
}

// draftToken is a token in a draft; its id and its API are those of the draft.
type draftToken struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Type        token.Type `json:"type"`
	Grants      []string   `json:"grants,omitempty"`
	Owner       string     `json:"owner"`
	Enabled     bool       `json:"enabled"`
	Hint        string     `json:"hint"`
	Expiry      *int64     `json:"expiry"`
	Created     *int64     `json:"created"`
	Updated     *int64     `json:"updated"`
	LastUsed    *int64     `json:"last_used"`
	Version     int64      `json:"version"`
}

// draftSecret is a secret in a draft, which no look-up reads.
type draftSecret struct {
	Hash    []byte       `json:"hash"`
	Scheme  token.Scheme `json:"scheme"`
	Hint    string       `json:"hint"`
	Created *int64       `json:"created"`
	Expiry  *int64       `json:"expiry"`
}

// WriteDraft returns what is kept of a draft beside the id of its token, its API and
// its version, as JSON. What would not come back as it is, is an error, and so is a
// version that doesn't raise the one that it replaces (0 for none).
func WriteDraft(d *Draft, replaced int64) (string, error) {
	switch {
	case d.Version <= replaced:
		return "", fmt.Errorf("version %d is not newer than %d", d.Version, replaced)
	case d.Base == nil && d.Token == nil:
		return "", errNothingDrafted
	}
	for _, t := range []*token.Token{d.Base, d.Token} {
		if t != nil && (t.ID != d.TokenID || t.API != d.API) {
			return "", fmt.Errorf("it has token %q of API %q", t.ID, t.API)
		}
	}
	if !d.storable() {
		return "", errors.New("it has a text that no store can keep")
	}
	text, err := json.Marshal(draftText{
		Base: writeDraftToken(d.Base), Token: writeDraftToken(d.Token), Secret: writeDraftSecret(d.Secret),
		SecretAuthor: d.SecretAuthor, Overlap: d.Overlap.Milliseconds(), Author: d.Author, Created: writeMilli(d.Created), Updated: writeMilli(d.Updated),
	})
	return string(text), err
}

// errNothingDrafted: neither was there a token, nor shall there be one.
var errNothingDrafted = errors.New("it is of no token")

// storable reports whether every store can keep all texts of a draft.
func (d *Draft) storable() bool {
	texts := []string{d.TokenID, d.API, d.Author, d.SecretAuthor}
	for _, t := range []*token.Token{d.Base, d.Token} {
		if t != nil {
			texts = append(append(texts, t.Name, t.Description, string(t.Type), t.Owner, t.Hint), t.Grants...)
		}
	}
	if d.Secret != nil {
		texts = append(texts, string(d.Secret.Scheme), d.Secret.Hint)
	}
	for _, text := range texts {
		if Clean(text) != text {
			return false
		}
	}
	return true
}

func writeDraftToken(t *token.Token) *draftToken {
	if t == nil {
		return nil
	}
	return &draftToken{
		Name: t.Name, Description: t.Description, Type: t.Type, Grants: t.Grants, Owner: t.Owner, Enabled: t.Enabled, Hint: t.Hint,
		Expiry: writeMilli(t.Expiry), Created: writeMilli(t.Created), Updated: writeMilli(t.Updated), LastUsed: writeMilli(t.LastUsed),
		Version: t.Version,
	}
}

func writeDraftSecret(s *Secret) *draftSecret {
	if s == nil {
		return nil
	}
	return &draftSecret{Hash: s.Digest[:], Scheme: s.Scheme, Hint: s.Hint, Created: writeMilli(s.Created), Expiry: writeMilli(s.Expiry)}
}

// ReadDraft reads what WriteDraft wrote into a draft that has the rest. All of it must
// be understood: half of a draft must not be put in force.
func ReadDraft(text string, d *Draft) error {
	var written draftText
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&written); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the draft")
	}
	var err error
	if d.Base, err = written.Base.read(d); err != nil {
		return err
	}
	if d.Token, err = written.Token.read(d); err != nil {
		return err
	}
	if d.Base == nil && d.Token == nil {
		return errNothingDrafted
	}
	if d.Secret, err = written.Secret.read(); err != nil {
		return err
	}
	d.Overlap, d.Author, d.SecretAuthor = time.Duration(written.Overlap)*time.Millisecond, written.Author, written.SecretAuthor
	d.Created, d.Updated = readMilli(written.Created), readMilli(written.Updated)
	return nil
}

func (t *draftToken) read(d *Draft) (*token.Token, error) {
	if t == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	if _, err := token.ParseType(string(t.Type)); err != nil {
		return nil, err
	}
	return &token.Token{
		ID: d.TokenID, API: d.API, Name: t.Name, Description: t.Description, Type: t.Type, Grants: t.Grants, Owner: t.Owner,
		Enabled: t.Enabled, Hint: t.Hint, Expiry: readMilli(t.Expiry), Created: readMilli(t.Created), Updated: readMilli(t.Updated),
		LastUsed: readMilli(t.LastUsed), Version: t.Version,
	}, nil
}

func (s *draftSecret) read() (*Secret, error) {
	switch {
	case s == nil:
		return nil, nil //nolint:nilnil // there is none
	case !s.Scheme.Known():
		return nil, fmt.Errorf("scheme %q of its secret is unknown", s.Scheme)
	case len(s.Hash) != len(token.Digest{}):
		return nil, fmt.Errorf("the hash of its secret has %d bytes", len(s.Hash))
	}
	return &Secret{
		Digest: token.Digest(s.Hash), Scheme: s.Scheme, Hint: s.Hint, Created: readMilli(s.Created), Expiry: readMilli(s.Expiry),
	}, nil
}

func writeMilli(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func readMilli(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}
