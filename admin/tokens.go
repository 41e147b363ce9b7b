package admin

import (
	"context"
	"errors"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Create makes a token and mints its secret. This is the only time that the
// secret can be seen. Broken rules are FieldErrors.
func (s *Service) Create(ctx context.Context, d Draft) (token.Token, token.Secret, error) {
	secret, err := token.Mint(s.random)
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	t, err := s.create(ctx, d, secret, nil)
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	return t, secret, nil
}

// Import makes a token for a secret that another system minted, so that its
// clients need not change. Broken rules are FieldErrors; none has the secret in it.
func (s *Service) Import(ctx context.Context, d Draft, secretText string) (token.Token, error) {
	var p FieldErrors
	secret, err := token.Import(secretText)
	if errors.Is(err, token.ErrForeignSecret) {
		p.addf("secret", "%v", err)
	} else if err != nil {
		return token.Token{}, err
	}
	return s.create(ctx, d, secret, p)
}

// create adds the token that was drafted. earlier are problems found before.
func (s *Service) create(ctx context.Context, d Draft, secret token.Secret, earlier FieldErrors) (token.Token, error) {
	id, err := token.NewID(s.random)
	if err != nil {
		return token.Token{}, err
	}
	now := s.now()
	drafted, problems, err := d.token(id, now)
	if err != nil {
		return token.Token{}, err
	}
	problems = append(earlier, problems...)
	return s.change(ctx, id, func(tx store.Tx) error {
		p := append(FieldErrors(nil), problems...)
		if err := s.checkNew(ctx, tx, &drafted, &p); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		if err := tx.CreateToken(ctx, drafted); err != nil {
			return nameProblem(err, &drafted)
		}
		if err := tx.AddSecret(ctx, id, stored(secret, now)); err != nil {
			return secretProblem(err)
		}
		return s.keepCatalog(ctx, tx, drafted.API)
	})
}

// checkNew checks what a new token must fulfil beyond its single fields.
func (s *Service) checkNew(ctx context.Context, tx store.Tx, t *token.Token, p *FieldErrors) error {
	if _, err := s.catalog(ctx, tx, t.API); err != nil {
		// Grants have no meaning without an API, so they are not looked at.
		return p.add(err)
	}
	if err := checkNameFree(ctx, tx, t, p); err != nil {
		return err
	}
	return s.checkRights(ctx, tx, t, nil, p)
}

// checkNameFree looks before the store would refuse, so that a taken name is
// told together with the other problems.
func checkNameFree(ctx context.Context, tx store.Tx, t *token.Token, p *FieldErrors) error {
	switch other, err := tx.TokenByName(ctx, t.API, t.Name); {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, store.ErrUnreadable):
		return p.add(nameProblem(store.ErrNameTaken, t))
	case err != nil:
		return err
	case other.ID != t.ID:
		return p.add(nameProblem(store.ErrNameTaken, t))
	}
	return nil
}

// Update changes what the edit names. Broken rules are FieldErrors; an edit of
// another version than the present one is store.ErrConflict.
func (s *Service) Update(ctx context.Context, id string, e Edit) (token.Token, error) {
	return s.change(ctx, id, func(tx store.Tx) error {
		old, err := tx.Token(ctx, id)
		if err != nil {
			return err
		}
		if e.Version != 0 && e.Version != old.Version {
			return store.ErrConflict
		}
		edited, p, err := e.apply(old, s.now())
		if err != nil {
			return err
		}
		if err := checkNameFree(ctx, tx, &edited, &p); err != nil {
			return err
		}
		if err := s.checkRights(ctx, tx, &edited, old.Grants, &p); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		return nameProblem(tx.UpdateToken(ctx, edited), &edited)
	})
}

// SetEnabled switches a token on or off. A token that is so already stays
// untouched.
func (s *Service) SetEnabled(ctx context.Context, id string, enabled bool) (token.Token, error) {
	return s.change(ctx, id, func(tx store.Tx) error {
		t, err := tx.Token(ctx, id)
		if err != nil || t.Enabled == enabled {
			return err
		}
		t.Enabled, t.Updated = enabled, s.now()
		return tx.UpdateToken(ctx, t)
	})
}

// Regenerate mints a new secret for a token. The old ones end at once, or after
// the overlap, so that a client can be moved without an outage.
func (s *Service) Regenerate(ctx context.Context, id string, overlap time.Duration) (token.Token, token.Secret, error) {
	if overlap < 0 {
		return token.Token{}, token.Secret{}, problem("overlap", "%s is negative", overlap)
	}
	secret, err := token.Mint(s.random)
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	t, err := s.change(ctx, id, func(tx store.Tx) error {
		t, err := tx.Token(ctx, id)
		if err != nil {
			return err
		}
		now := s.now()
		if err := tx.EndSecrets(ctx, id, now, now.Add(overlap)); err != nil {
			return err
		}
		if err := tx.AddSecret(ctx, id, stored(secret, now)); err != nil {
			return err
		}
		t.Updated = now
		return tx.UpdateToken(ctx, t)
	})
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	return t, secret, nil
}

// Delete removes a token for good and returns it as it was; of one whose record
// can't be understood only the id.
func (s *Service) Delete(ctx context.Context, id string) (token.Token, error) {
	var t token.Token
	err := s.store.Change(ctx, func(tx store.Tx) (err error) {
		if t, err = tx.Token(ctx, id); errors.Is(err, store.ErrUnreadable) {
			t = token.Token{ID: id}
		} else if err != nil {
			return err
		}
		return tx.DeleteToken(ctx, id)
	})
	return t, wrapNotFound(err, "", id)
}

// change runs fn in one transaction and returns the token as it is at its end.
func (s *Service) change(ctx context.Context, id string, fn func(store.Tx) error) (token.Token, error) {
	var t token.Token
	err := s.store.Change(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		var err error
		t, err = tx.Token(ctx, id)
		return err
	})
	if err != nil {
		return token.Token{}, wrapNotFound(err, "", id)
	}
	return t, nil
}

// stored is the only form in which a secret goes to the store.
func stored(secret token.Secret, now time.Time) store.Secret {
	return store.Secret{Digest: secret.Digest(), Scheme: token.SHA256, Hint: secret.Hint(), Created: now}
}

func nameProblem(err error, t *token.Token) error {
	if errors.Is(err, store.ErrNameTaken) {
		return problem("name", "API %s has a token %q already; choose another name", t.API, t.Name)
	}
	return err
}

func secretProblem(err error) error {
	if errors.Is(err, store.ErrSecretTaken) {
		return problem("secret", "belongs to a token already; every token needs its own")
	}
	return err
}
