package admin

import (
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Record is a token as scripts and pages see it: a closed list of fields, all of
// them always there, times in RFC 3339 and null for never. It never holds a secret.
type Record struct {
	ID          string       `json:"id"`
	API         string       `json:"api"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Type        token.Type   `json:"type"`
	Grants      []string     `json:"grants"`
	Owner       string       `json:"owner"`
	Enabled     bool         `json:"enabled"`
	Status      token.Status `json:"status"`
	Hint        string       `json:"hint"`
	Expiry      *time.Time   `json:"expiry"`
	Created     *time.Time   `json:"created"`
	Updated     *time.Time   `json:"updated"`
	LastUsed    *time.Time   `json:"last_used"`
	Version     int64        `json:"version"`
	Draft       *token.Draft `json:"draft"` // what becomes of it with the next update of its API; null for nothing
}

// Record returns the token in the form in which it leaves the service.
func (s *Service) Record(t *token.Token) Record {
	grants := t.Grants
	if grants == nil {
		grants = []string{}
	}
	var draft *token.Draft
	if t.Draft != "" {
		draft = new(t.Draft)
	}
	return Record{
		ID: t.ID, API: t.API, Name: t.Name, Description: t.Description, Type: t.Type, Grants: grants,
		Owner: t.Owner, Enabled: t.Enabled, Status: t.Status(s.now()), Hint: t.Hint, Version: t.Version,
		Expiry: moment(t.Expiry), Created: moment(t.Created), Updated: moment(t.Updated), LastUsed: moment(t.LastUsed),
		Draft: draft,
	}
}

// moment returns nil for a zero time, which encodes as null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
