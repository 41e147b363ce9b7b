package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// UpdateAPI puts all drafts of an API in force, or none: then the error is DraftErrors, or
// store.ErrConflict if the drafts are not those that were seen, see Drafts.Seen. The actor
// answers for all of them, as if they had made the changes now.
func (s *Service) UpdateAPI(ctx context.Context, actor Actor, api, seen string) (Updated, error) {
	var done Updated
	err := s.withDrafts(ctx, actor, DraftUpdate, api, seen, func(tx store.Tx, who *Actor, list []drafted) error {
		done = Updated{} // the transaction may run more than once
		if err := s.parkNames(ctx, tx, list); err != nil {
			return err
		}
		if err := eachDraft(list, func(d *drafted) error { return s.putInForce(ctx, tx, who, d, &done) }); err != nil {
			return err
		}
		var err error
		if done.Overreach, err = s.mightierNow(ctx, tx, list); err != nil {
			return err
		}
		return s.noteAPI(ctx, tx, who, apiUpdate, api, done.Drafts)
	})
	if err != nil {
		return Updated{}, err
	}
	return done, nil
}

// mightierNow returns the tokens of drafts that are in force which are mightier than the roles
// of their owners: since they were drafted, those may have got another role.
func (s *Service) mightierNow(ctx context.Context, tx store.Tx, list []drafted) ([]token.Token, error) {
	judges := s.ownerJudges(tx)
	var tokens []token.Token
	for i := range list {
		if list[i].result == nil {
			continue
		}
		if mightier, err := judges.mightier(ctx, list[i].result); err != nil {
			return nil, err
		} else if !mightier {
			continue
		}
		tokens = append(tokens, *list[i].result)
	}
	return tokens, reread(ctx, tx, tokens)
}

// eachDraft does something with all drafts. What is wrong with any of them is DraftErrors.
func eachDraft(list []drafted, do func(*drafted) error) error {
	var failed DraftErrors
	for i := range list {
		err := do(&list[i])
		if wrong(err) {
			failed = append(failed, &DraftError{list[i].TokenID, list[i].token().Name, err})
		} else if err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// wrong reports whether an error says that a draft breaks a rule.
func wrong(err error) bool {
	_, fields := errors.AsType[FieldErrors](err)
	_, right := errors.AsType[*ForbiddenError](err)
	return fields || right
}

// withDrafts runs fn in one transaction with all drafts of an API, if they are those that
// the actor has seen, and there is none that they may not see.
func (s *Service) withDrafts(ctx context.Context, actor Actor, right Right, api, seen string, fn func(store.Tx, *Actor, []drafted) error) error {
	return s.store.Change(ctx, func(tx store.Tx) error {
		who, err := s.fresh(ctx, tx, actor)
		if err != nil {
			return err
		}
		if err := who.needAny(right); err != nil {
			return err
		}
		if _, err := s.catalog(ctx, tx, api); err != nil {
			return err
		}
		list, gone, err := draftsOf(ctx, tx, api)
		if errors.Is(err, store.ErrUnreadable) && who.ofRole(TokenRead) != store.All {
			return errUnseen(right)
		}
		if err != nil {
			return err
		}
		for i := range list {
			if !list[i].seenBy(&who) {
				return errUnseen(right)
			}
		}
		present, err := seenDrafts(list)
		if err != nil {
			return err
		}
		if present != seen {
			return store.ErrConflict
		}
		for _, id := range gone {
			if err := tx.DeleteDraft(ctx, id); err != nil {
				return err
			}
		}
		return fn(newMemo(tx, &who), &who, list)
	})
}

func errUnseen(right Right) error {
	return forbidden(right, "there are drafts of tokens that you may not see; ask somebody who may")
}

func (s *Service) noteAPI(ctx context.Context, tx store.Tx, who *Actor, action, api string, drafts int) error {
	if drafts == 0 {
		return nil
	}
	return s.note(ctx, tx, who, store.Event{Action: action, Subject: api, Name: api, API: api}, nil, fields{"drafts": drafts})
}

// parkNames gives tokens that get another name one that nobody else can have, until all
// have let go of theirs: two may take each other's.
func (s *Service) parkNames(ctx context.Context, tx store.Tx, list []drafted) error {
	for i := range list {
		d := &list[i]
		if d.live == nil || d.result == nil || d.live.Name == d.result.Name {
			continue
		}
		parked := *d.live
		parked.Name = d.TokenID
		if err := tx.UpdateToken(ctx, parked); err != nil {
			return err
		}
		d.parked = true
	}
	return nil
}

// putInForce does what a draft says, if the actor may do that.
func (s *Service) putInForce(ctx context.Context, tx store.Tx, who *Actor, d *drafted, done *Updated) error {
	done.Drafts++
	switch draftKind(&d.Draft) {
	case token.DraftDelete:
		if err := who.need(TokenDelete, d.live); err != nil {
			return err
		}
		if err := tx.DeleteToken(ctx, d.TokenID); err != nil { // with its draft
			return err
		}
		return s.noteInForce(ctx, tx, who, tokenDelete, d, d.live, nil)
	case token.DraftCreate:
		return s.putNewInForce(ctx, tx, who, d)
	case token.DraftUpdate:
		return s.putEditInForce(ctx, tx, who, d, done)
	}
	return nil // there is no other kind
}

func (s *Service) putNewInForce(ctx context.Context, tx store.Tx, who *Actor, d *drafted) error {
	t := *d.result
	t.Version, t.Draft, t.Updated = 1, "", s.now()
	if err := s.checkMade(ctx, tx, who, d, &t); err != nil {
		return err
	}
	if err := tx.DeleteDraft(ctx, t.ID); err != nil {
		return err
	}
	if err := tx.CreateToken(ctx, t); err != nil {
		return nameProblem(err, &t)
	}
	if d.Secret != nil {
		if err := s.addSecret(ctx, tx, d); err != nil {
			return err
		}
	}
	if err := s.keepCatalog(ctx, tx, t.API); err != nil {
		return err
	}
	return s.noteInForce(ctx, tx, who, tokenCreate, d, nil, &t)
}

// checkMade checks what the rules ask of who makes this token now.
func (s *Service) checkMade(ctx context.Context, tx store.Tx, who *Actor, d *drafted, t *token.Token) error {
	if err := who.needAny(TokenCreate); err != nil {
		return err
	}
	p, err := checkText(t)
	if err != nil {
		return err
	}
	if err := s.checkOwner(ctx, tx, who, TokenCreate, t, &p); err != nil {
		return err
	}
	if err := s.checkRights(ctx, tx, t, nil, nil, &p); err != nil {
		return err
	}
	if err := s.checkCeiling(ctx, tx, who, t, &p); err != nil {
		return err
	}
	s.checkUnexpired(d, &p)
	return withName(ctx, tx, t, p)
}

// checkUnexpired refuses an expiry that has passed since it was drafted: the token would be
// refused from the update on, and nobody would be told. One that was imported expired may be.
func (s *Service) checkUnexpired(d *drafted, p *FieldErrors) {
	ends := d.result.Expiry
	held := d.live != nil && d.live.Expiry.Equal(ends) || d.live == nil && !d.Created.Before(ends)
	if held || ends.IsZero() || s.now().Before(ends) {
		return
	}
	p.addf("duration", "ended at %s, before the draft was in force; give it another duration, or discard the draft", ends.Format("2006-01-02T15:04Z"))
}

// checkText checks the fields of a token alone, once more: a draft may be of an older version.
func checkText(t *token.Token) (FieldErrors, error) {
	var p FieldErrors
	return p, checkFields(t, &p)
}

func (s *Service) addSecret(ctx context.Context, tx store.Tx, d *drafted) error {
	secret := *d.Secret
	secret.Created = s.now()
	return secretProblem(tx.AddSecret(ctx, d.TokenID, secret))
}

func (s *Service) putEditInForce(ctx context.Context, tx store.Tx, who *Actor, d *drafted, done *Updated) error {
	t := *d.result
	t.Version, t.Draft, t.Updated = d.live.Version, "", s.now()
	if d.parked {
		t.Version++
	}
	if err := s.checkEdit(ctx, tx, who, d, &t); err != nil {
		return err
	}
	if err := tx.DeleteDraft(ctx, d.TokenID); err != nil {
		return err
	}
	if d.empty() {
		done.Drafts--
		return nil // was done at once meanwhile
	}
	if d.Secret != nil {
		if err := endSecrets(ctx, tx, d.TokenID, s.now(), d.Overlap); err != nil {
			return err
		}
		if err := s.addSecret(ctx, tx, d); err != nil {
			return err
		}
	}
	if err := tx.UpdateToken(ctx, t); err != nil {
		return nameProblem(err, &t)
	}
	return s.noteEdit(ctx, tx, who, d, &t)
}

// empty reports whether the draft changes nothing.
func (d *drafted) empty() bool {
	before, after := d.differing()
	return d.Secret == nil && len(before)+len(after) == 0
}

// noteEdit notes what was edited, and the new secret as an event of its own, so that both
// can be looked for.
func (s *Service) noteEdit(ctx context.Context, tx store.Tx, who *Actor, d *drafted, after *token.Token) error {
	edited := *after
	edited.Hint = d.live.Hint
	if was := differing(tokenFields(d.live), tokenFields(&edited)); len(was) > 0 {
		if err := s.noteInForce(ctx, tx, who, editAction(was), d, d.live, &edited); err != nil {
			return err
		}
	}
	if d.Secret == nil {
		return nil
	}
	return s.noteInForce(ctx, tx, who, tokenRegenerate, d, &edited, after)
}

// checkEdit checks what the rules ask of who makes this edit now.
func (s *Service) checkEdit(ctx context.Context, tx store.Tx, who *Actor, d *drafted, t *token.Token) error {
	rights, disables := d.needs()
	for _, right := range rights {
		if err := who.need(right, d.live); err != nil {
			return err
		}
	}
	p, err := checkText(t)
	if err != nil {
		return err
	}
	if t.Owner != d.live.Owner {
		if err := s.checkOwner(ctx, tx, who, TokenUpdate, t, &p); err != nil {
			return err
		}
		if err := who.gainsNothing(d.live, t); err != nil {
			return err
		}
	}
	if err := s.checkRights(ctx, tx, t, d.live.Grants, nil, &p); err != nil {
		return err
	}
	s.checkUnexpired(d, &p)
	if !disables { // which everybody may do who may change it at all
		if err := s.checkCeiling(ctx, tx, who, t, &p); err != nil {
			return err
		}
	}
	return withName(ctx, tx, t, p)
}

// withName adds to other problems that the name is taken. If there are none, it doesn't ask:
// then the store says so as well.
func withName(ctx context.Context, tx store.Tx, t *token.Token, p FieldErrors) error {
	if len(p) == 0 {
		return nil
	}
	if err := checkNameFree(ctx, tx, t, &p); err != nil {
		return err
	}
	return p.err()
}

// needs returns the rights that it takes to make the edit, and whether it only disables.
func (d *drafted) needs() (rights []Right, disables bool) {
	before, _ := d.differing()
	delete(before, "hint")
	if d.Secret != nil {
		rights = append(rights, TokenRegenerate)
	}
	if len(before) > 0 || d.Secret == nil {
		rights = append(rights, TokenUpdate)
	}
	return rights, len(before) == 1 && before["enabled"] == true && d.Secret == nil
}

// editAction returns what an edit of these fields is in the audit trail.
func editAction(before fields) string {
	enabled, switched := before["enabled"]
	switch {
	case len(before) == 1 && switched && enabled == true:
		return tokenDisable
	case len(before) == 1 && switched:
		return tokenEnable
	default:
		return tokenUpdate
	}
}

// noteInForce is noteToken for a draft that was put in force, with who drafted it.
func (s *Service) noteInForce(ctx context.Context, tx store.Tx, who *Actor, action string, d *drafted, before, after *token.Token) error {
	var was, is fields
	subject := before
	if before != nil {
		was = tokenFields(before)
	}
	if after != nil {
		is, subject = tokenFields(after), after
		is["drafted_by"] = d.Author
		if action == tokenCreate || action == tokenRegenerate {
			is["secret_by"] = secretBy(&d.Draft)
		}
		if action == tokenRegenerate {
			is[oldSecretsEnd] = moment(s.now().Add(d.Overlap))
		}
	} else {
		was["drafted_by"] = d.Author
	}
	e := store.Event{Action: action, Subject: d.TokenID, Name: subject.Name, API: d.API, Owner: subject.Owner}
	return s.note(ctx, tx, who, e, was, is)
}
