package admin

import (
	"encoding/json"
	"time"

	"github.com/tokenreeve/tokenreeve/token"
)

// Drafts are what becomes of the tokens of an API with its next update.
type Drafts struct {
	API    string        `json:"api"`
	Staged bool          `json:"staged"` // what changes is a draft first; if not, only drafts of before are left
	Drafts []DraftRecord `json:"drafts"` // that the actor may see, by the names of their tokens
	// Unseen says that there are drafts of tokens that the actor may not see. They
	// can neither update the API nor discard all of its drafts.
	Unseen bool `json:"unseen"`
	// Seen stands for exactly these drafts, for UpdateAPI and DiscardAPI.
	Seen string `json:"seen"`
}

// DraftRecord is the draft of a token as scripts and pages see it. It never holds a secret.
type DraftRecord struct {
	TokenID string      `json:"token_id"`
	API     string      `json:"api"`
	Name    string      `json:"name"`    // of the token as it works now, or of the new one
	Kind    token.Draft `json:"kind"`    // create, update or delete
	Live    *Record     `json:"live"`    // as it works now; null for a new one
	Drafted *Record     `json:"drafted"` // as it will be, with the version of the draft; null if it will be gone
	// Before and After are the fields that change, as the audit trail has them. Before
	// is null for a new token, and After for one that will be gone.
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
	// NewSecret is the hint of the secret that replaces those which the token has;
	// empty if they stay. Overlap is for how many seconds they work on.
	NewSecret string     `json:"new_secret"`
	SecretBy  string     `json:"secret_by"` // who drafted its secret, and so may know it; empty if there is none
	Overlap   int64      `json:"overlap"`
	Overreach bool       `json:"overreach"` // it will be mightier than the role of its owner
	Author    string     `json:"author"`    // who changed it last
	Created   *time.Time `json:"created"`
	Updated   *time.Time `json:"updated"`
	Version   int64      `json:"version"`
	Answers   Answers    `json:"answers"`
}

// Answers says which requests that a token made would be answered otherwise with its draft
// in force. They count by permission: one that did several things counts for each.
type Answers struct {
	Since   time.Time `json:"since"`   // the requests since then; all of them if the token is younger
	Refused uint64    `json:"refused"` // were allowed, and would be refused
	Allowed uint64    `json:"allowed"` // were refused, and would be allowed
	Unsure  uint64    `json:"unsure"`  // may be either: what was counted of them doesn't tell
	// OldSecret is how many were allowed since the oldest secret that still works was made,
	// and would be refused once the overlap is over, unless their clients have the new one by then.
	OldSecret   uint64             `json:"old_secret"`
	Permissions []PermissionAnswer `json:"permissions"` // those of which some would be answered otherwise, sorted by name
}

// PermissionAnswer is Answers for one permission.
type PermissionAnswer struct {
	Permission string `json:"permission"` // or a grant written out; empty for what has no name
	Refused    uint64 `json:"refused"`
	Allowed    uint64 `json:"allowed"`
	Unsure     uint64 `json:"unsure"`
}

// The days of use that the answers of drafts are told from.
const (
	DefaultDraftDays = 30
	MaxDraftDays     = 90
)

// MaxDrafts is how many drafts an API can have. An update of them all, with a round trip of
// a few milliseconds to its database, takes less than the 10 seconds that a change may take.
const MaxDrafts = 500

// MaxOwnDrafts is how many of them one account can have made that may not update the tokens
// of others: it must not take the place of all.
const MaxOwnDrafts = 100

// Updated is what came of putting drafts in force.
type Updated struct {
	Drafts    int           // that are in force now
	Overreach []token.Token // of those, the tokens that are mightier than the role of their owner
}
