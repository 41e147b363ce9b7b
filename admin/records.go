package admin

import (
	"encoding/json"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// AccountRecord is an account as scripts and pages see it. It has no password
// and no hash of one.
type AccountRecord struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Role        string     `json:"role"`
	Enabled     bool       `json:"enabled"`
	HasPassword bool       `json:"has_password"`
	Subject     string     `json:"subject"`
	Created     *time.Time `json:"created"`
	Updated     *time.Time `json:"updated"`
	SignedIn    *time.Time `json:"signed_in"`
	Version     int64      `json:"version"`
}

func accountRecord(a *store.Account) AccountRecord {
	return AccountRecord{
		ID: a.ID, Name: a.Name, Role: a.Role, Enabled: a.Enabled, HasPassword: a.Password != "", Subject: a.Subject,
		Created: moment(a.Created), Updated: moment(a.Updated), SignedIn: moment(a.SignedIn), Version: a.Version,
	}
}

// RoleRecord is a role as scripts and pages see it. Lists of the ceiling are
// null where everything is allowed.
type RoleRecord struct {
	Name        string        `json:"name"`
	Description string        `json:"description"`
	BuiltIn     bool          `json:"built_in"`
	Read        store.Scope   `json:"read"`
	Create      store.Scope   `json:"create"`
	Update      store.Scope   `json:"update"`
	Regenerate  store.Scope   `json:"regenerate"`
	Delete      store.Scope   `json:"delete"`
	Accounts    bool          `json:"accounts"`
	Audit       bool          `json:"audit"`
	Ceiling     CeilingRecord `json:"ceiling"`
	Updated     *time.Time    `json:"updated"`
	Version     int64         `json:"version"`
}

// CeilingRecord is the most that a role may hand out, as scripts and pages see it.
type CeilingRecord struct {
	APIs   []string     `json:"apis"`
	Types  []token.Type `json:"types"`
	Grants []string     `json:"grants"`
}

func roleRecord(r *store.Role) RoleRecord {
	return RoleRecord{
		Name: r.Name, Description: r.Description, BuiltIn: isBuiltIn(r.Name),
		Read: r.Read, Create: r.Create, Update: r.Update, Regenerate: r.Regenerate, Delete: r.Delete,
		Accounts: r.Accounts, Audit: r.Audit, Ceiling: CeilingRecord(r.Ceiling),
		Updated: moment(r.Updated), Version: r.Version,
	}
}

// SessionRecord is a session as scripts and pages see it.
type SessionRecord struct {
	ID      string     `json:"id"`
	Account string     `json:"account"` // name
	Method  string     `json:"method"`
	Created *time.Time `json:"created"`
	Seen    *time.Time `json:"seen"`
	Expiry  *time.Time `json:"expiry"` // ends at the latest then
	Address string     `json:"address"`
	Agent   string     `json:"agent"`
	Current bool       `json:"current"` // the one that asks
}

// SecretRecord is a secret of a token as scripts and pages see it: what
// identifies it, and never more.
type SecretRecord struct {
	Hint     string     `json:"hint"`
	Created  *time.Time `json:"created"`
	Expiry   *time.Time `json:"expiry"` // null: as long as the token
	LastUsed *time.Time `json:"last_used"`

	Scheme token.Scheme `json:"scheme"`
}

// EventRecord is an entry of the audit trail as scripts and pages see it.
type EventRecord struct {
	ID      int64           `json:"id"`
	Time    time.Time       `json:"time"`
	Actor   string          `json:"actor"`
	Via     string          `json:"via"`
	Token   string          `json:"token"`
	Address string          `json:"address"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Name    string          `json:"name"`
	API     string          `json:"api"`
	Owner   string          `json:"owner"`
	Before  json.RawMessage `json:"before"`
	After   json.RawMessage `json:"after"`
}
