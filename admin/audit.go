package admin

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// The closed list of what the audit trail has.
const (
	tokenCreate     = "token.create"
	tokenImport     = "token.import"
	tokenUpdate     = "token.update"
	tokenEnable     = "token.enable"
	tokenDisable    = "token.disable"
	tokenRegenerate = "token.regenerate"
	tokenDelete     = "token.delete"
	draftDiscard    = "draft.discard"
	apiUpdate       = "api.update"
	apiDiscard      = "api.discard"
	// asDraft is behind those of tokens that hold with the next update of their API.
	asDraft         = ".drafted"
	accountCreate   = "account.create"
	accountUpdate   = "account.update"
	accountPassword = "account.password"
	accountDelete   = "account.delete"
	roleCreate      = "role.create"
	roleUpdate      = "role.update"
	roleDelete      = "role.delete"
	sessionDelete   = "session.delete"
	signIn          = "sign-in"
	signInRefused   = "sign-in.refused"
	signOut         = "sign-out"
	setUpLink       = "set-up.link"
	setUp           = "set-up"
)

// Actions returns what the audit trail can have, for filters.
func Actions() []string {
	actions := []string{tokenCreate, tokenImport, tokenUpdate, tokenEnable, tokenDisable, tokenRegenerate, tokenDelete}
	for _, action := range slices.Clone(actions) {
		actions = append(actions, action+asDraft)
	}
	return append(actions,
		draftDiscard, apiUpdate, apiDiscard,
		accountCreate, accountUpdate, accountPassword, accountDelete, roleCreate, roleUpdate, roleDelete,
		sessionDelete, signIn, signInRefused, signOut, setUpLink, setUp,
	)
}

// fields is what the audit trail keeps of a record. Nobody puts a secret, a
// password or a hash of one here: whether there is one is all that is said.
type fields map[string]any

// oldSecretsEnd is the field that says until when the secrets work that a new one replaces.
const oldSecretsEnd = "old_secrets_end"

func tokenFields(t *token.Token) fields {
	return fields{
		"api": t.API, "name": t.Name, "description": t.Description, "type": t.Type, "grants": append([]string{}, t.Grants...),
		"owner": t.Owner, "enabled": t.Enabled, "expiry": moment(t.Expiry), "hint": t.Hint,
	}
}

func accountFields(a *store.Account) fields {
	return fields{
		"name": a.Name, "role": a.Role, "enabled": a.Enabled, "subject": a.Subject, "has_password": a.Password != "",
	}
}

func roleFields(r *store.Role) fields {
	return fields{
		"name": r.Name, "description": r.Description, "read": r.Read, "create": r.Create, "update": r.Update,
		"regenerate": r.Regenerate, "delete": r.Delete, "accounts": r.Accounts, "audit": r.Audit,
		"apis": r.Ceiling.APIs, "types": r.Ceiling.Types, "grants": r.Ceiling.Grants,
	}
}

// note adds an event to the audit trail, by the actor and in their transaction.
// before and after may be nil; of both, only what differs is kept.
func (s *Service) note(ctx context.Context, tx store.Tx, a *Actor, e store.Event, before, after fields) error {
	told, err := s.tell(a, &e, before, after)
	if err != nil || !told {
		return err
	}
	return tx.AppendEvent(ctx, e)
}

// tell says in an event who did it and what changed. If nothing did, it returns false.
func (s *Service) tell(a *Actor, e *store.Event, before, after fields) (bool, error) {
	e.Time, e.Actor, e.Via, e.Address = s.now(), a.Name(), string(a.Via), a.Address
	if a.Token != nil {
		e.Token = a.Token.ID
	}
	if before != nil && after != nil {
		before, after = differing(before, after), differing(after, before)
		if len(before)+len(after) == 0 {
			return false, nil
		}
		if strings.HasPrefix(e.Action, "token.") {
			onlyOther(before, after, "grants")
		}
	}
	var err error
	if e.Before, err = before.encode(); err != nil {
		return false, err
	}
	e.After, err = after.encode()
	return true, err
}

// noteToken is note for a token as it was and as it is; one of them may be nil.
func (s *Service) noteToken(ctx context.Context, tx store.Tx, a *Actor, action string, before, after *token.Token) error {
	e, was, is := tokenEvent(action, before, after)
	return s.note(ctx, tx, a, e, was, is)
}

// tokenEvent is what noteToken notes.
func tokenEvent(action string, before, after *token.Token) (e store.Event, was, is fields) {
	subject := before
	if before != nil {
		was = tokenFields(before)
	}
	if after != nil {
		is, subject = tokenFields(after), after
	}
	return store.Event{Action: action, Subject: subject.ID, Name: subject.Name, API: subject.API, Owner: subject.Owner}, was, is
}

// differing returns those fields that the other has not, or not so.
func differing(f, other fields) fields {
	f = maps.Clone(f)
	maps.DeleteFunc(f, func(name string, value any) bool { return reflect.DeepEqual(value, other[name]) })
	return f
}

// onlyOther leaves of a list before and after a change what the other has not. The whole lists
// can be long, and would be kept with each of many small changes.
func onlyOther(before, after fields, name string) {
	was, listed := before[name].([]string)
	is, both := after[name].([]string)
	if listed && both {
		before[name], after[name] = append([]string{}, without(was, is)...), append([]string{}, without(is, was)...)
	}
}

func (f fields) encode() (json.RawMessage, error) {
	if f == nil {
		return nil, nil
	}
	return json.Marshal(f)
}
