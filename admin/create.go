package admin

import (
	"context"
	"errors"
	"slices"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Idempotency lets a request to create be sent again without creating twice.
type Idempotency struct {
	Key     string       // 1 to 255 visible ASCII characters; kept for a day, by account
	Request token.Digest // of everything that the request asks for
}

// creation is a token on its way into the store.
type creation struct {
	token    token.Token
	problems FieldErrors  // of single fields
	matching *matching    // of the grants; nil if it isn't known
	secret   store.Secret // as it will be kept, but for its time
	action   string
	key      *Idempotency
	taken    bool // another token has the secret
	replayed bool // what the key stands for was there
}

// Create makes a token and mints its secret. This is the only time that the
// secret can be seen. Broken rules are FieldErrors.
func (s *Service) Create(ctx context.Context, actor Actor, d NewToken) (token.Token, token.Secret, error) {
	secret, err := token.Mint(s.random)
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	t, err := s.create(ctx, actor, d, &creation{secret: stored(secret), action: tokenCreate})
	if err != nil {
		return token.Token{}, token.Secret{}, err
	}
	return t, secret, nil
}

// CreateOnce is Create for requests with an Idempotency-Key. If the same request
// came before, the token of then is returned as it is now, with replayed and
// without its secret, which nobody keeps; if it is gone, that is ErrCreatedGone.
// Another request with the key is ErrKeyReused.
func (s *Service) CreateOnce(ctx context.Context, actor Actor, d NewToken, key Idempotency) (t token.Token, secret token.Secret, replayed bool, err error) {
	if err := checkKey(key); err != nil {
		return t, secret, false, err
	}
	if secret, err = token.Mint(s.random); err != nil {
		return t, secret, false, err
	}
	t, replayed, err = s.createOnce(ctx, actor, d, &creation{secret: stored(secret), action: tokenCreate, key: &key})
	if err != nil || replayed {
		secret = token.Secret{}
	}
	return t, secret, replayed, err
}

func (s *Service) createOnce(ctx context.Context, actor Actor, d NewToken, c *creation) (t token.Token, replayed bool, err error) {
	t, err = s.create(ctx, actor, d, c)
	if errors.Is(err, store.ErrConflict) {
		t, err = s.create(ctx, actor, d, c) // somebody else was first with this key
	}
	return t, c.replayed, err
}

func checkKey(key Idempotency) error {
	if IsKey(key.Key) {
		return nil
	}
	return problem("idempotency_key", "is not 1 to 255 visible ASCII characters; a UUID will do")
}

// IsKey reports whether a text can be an Idempotency-Key: 1 to 255 visible ASCII
// characters.
func IsKey(s string) bool {
	return s != "" && len(s) <= 255 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b <= ' ' || b >= 0x7f })
}

// Import makes a token for a secret that another system minted, so that its
// clients need not change. Broken rules are FieldErrors; none has the secret in it.
func (s *Service) Import(ctx context.Context, actor Actor, d NewToken, secretText string) (token.Token, error) {
	c, err := importing(secretText)
	if err != nil {
		return token.Token{}, err
	}
	return s.create(ctx, actor, d, c)
}

// ImportOnce is Import for requests with an Idempotency-Key, as CreateOnce is Create.
func (s *Service) ImportOnce(ctx context.Context, actor Actor, d NewToken, secretText string, key Idempotency) (t token.Token, replayed bool, err error) {
	if err := checkKey(key); err != nil {
		return t, false, err
	}
	c, err := importing(secretText)
	if err != nil {
		return t, false, err
	}
	c.key = &key
	return s.createOnce(ctx, actor, d, c)
}

func importing(secretText string) (*creation, error) {
	c := &creation{action: tokenImport}
	secret, err := token.Import(secretText)
	switch {
	case errors.Is(err, token.ErrForeignSecret):
		c.problems.addf("secret", "%v", err)
	case err != nil:
		return nil, err
	default:
		c.secret = stored(secret)
	}
	return c, nil
}

// create adds the token that is asked for.
func (s *Service) create(ctx context.Context, actor Actor, d NewToken, c *creation) (token.Token, error) {
	id, err := token.NewID(s.random)
	if err != nil {
		return token.Token{}, err
	}
	asked, problems, err := d.token(id, s.now())
	if err != nil {
		return token.Token{}, err
	}
	c.token = asked
	c.problems = append(slices.Clip(c.problems), problems...)
	c.matching = newMatching(&actor, TokenCreate, asked.Grants)
	if c.taken, err = s.secretTaken(ctx, c); err != nil {
		return token.Token{}, err
	}
	var t token.Token
	err = s.changeTokens(ctx, actor, func(tx *staged, who *Actor) (err error) {
		if err := who.needAny(TokenCreate); err != nil {
			return err
		}
		made := id
		if c.key != nil {
			if made, err = s.replay(ctx, tx, who, c); err != nil {
				return err
			}
		}
		if !c.replayed {
			made = id
			if err := s.add(ctx, tx, who, c); err != nil {
				return err
			}
		}
		t, err = s.seen(ctx, tx, who, made)
		if c.replayed && errors.Is(err, store.ErrNotFound) {
			return ErrCreatedGone
		}
		return err
	})
	if err != nil {
		return token.Token{}, err
	}
	return t, nil
}

// replay returns the id of the token that the key made before, if it did.
func (s *Service) replay(ctx context.Context, tx store.Tx, who *Actor, c *creation) (string, error) {
	c.replayed = false // the transaction may run more than once
	before, err := tx.Idempotent(ctx, accountID(who), token.Hash(c.key.Key))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case before.Request != c.key.Request:
		return "", ErrKeyReused
	}
	c.replayed = true
	return before.TokenID, nil
}

// accountID keeps the keys of accounts apart. Commands share one space.
func accountID(who *Actor) string {
	if who.Account == nil {
		return ""
	}
	return who.Account.ID
}

// secretTaken reports whether a token has the secret that comes from elsewhere. The store would
// say so as well, but not of a draft until its API is updated.
func (s *Service) secretTaken(ctx context.Context, c *creation) (bool, error) {
	if c.action != tokenImport || len(c.problems) > 0 {
		return false, nil
	}
	switch _, err := s.store.Lookup(ctx, c.secret.Digest); {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err == nil || errors.Is(err, store.ErrUnreadable):
		return true, nil
	default:
		return false, err
	}
}

// add checks the token that is asked for and adds it with its secret.
func (s *Service) add(ctx context.Context, tx store.Tx, who *Actor, c *creation) error {
	t := c.token
	if t.Owner == "" && !who.command {
		t.Owner = who.Name()
	}
	p := slices.Clone(c.problems)
	if err := s.checkOwner(ctx, tx, who, TokenCreate, &t, &p); err != nil {
		return err
	}
	if err := s.checkNew(ctx, tx, &t, c.matching, &p); err != nil {
		return err
	}
	if err := s.checkCeiling(ctx, tx, who, &t, &p); err != nil {
		return err
	}
	if err := p.err(); err != nil {
		return err
	}
	if c.taken {
		return secretProblem(store.ErrSecretTaken)
	}
	if err := tx.CreateToken(ctx, t); err != nil {
		return nameProblem(err, &t)
	}
	secret := c.secret
	secret.Created = t.Created
	if err := tx.AddSecret(ctx, t.ID, secret); err != nil {
		return secretProblem(err)
	}
	if err := s.keepCatalog(ctx, tx, t.API); err != nil {
		return err
	}
	if err := s.keepKey(ctx, tx, who, c); err != nil {
		return err
	}
	t.Hint = secret.Hint
	return s.noteToken(ctx, tx, who, c.action, nil, &t)
}

func (s *Service) keepKey(ctx context.Context, tx store.Tx, who *Actor, c *creation) error {
	if c.key == nil {
		return nil
	}
	return tx.SaveIdempotent(ctx, store.Idempotent{
		Account: accountID(who), Key: token.Hash(c.key.Key), Request: c.key.Request, TokenID: c.token.ID, Created: c.token.Created,
	})
}

// checkNew checks what a new token must fulfil beyond its single fields.
func (s *Service) checkNew(ctx context.Context, tx store.Tx, t *token.Token, m *matching, p *FieldErrors) error {
	if _, err := s.catalog(ctx, tx, t.API); err != nil {
		// Grants have no meaning without an API, so they are not looked at.
		return p.add(err)
	}
	if err := checkNameFree(ctx, tx, t, p); err != nil {
		return err
	}
	return s.checkRights(ctx, tx, t, nil, m, p)
}

// checkNameFree looks before the store would refuse, so that a taken name is
// told together with the other problems. Of a name that has one already it says no more.
func checkNameFree(ctx context.Context, tx store.Tx, t *token.Token, p *FieldErrors) error {
	if p.has("name") {
		return nil
	}
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

// checkOwner checks whom a token is made for or handed to.
func (s *Service) checkOwner(ctx context.Context, tx store.Tx, who *Actor, right Right, t *token.Token, p *FieldErrors) error {
	switch {
	case who.command:
		return nil
	case t.API == ManagementAPI && (t.Owner != who.Name() || right == TokenUpdate):
		// Whoever made it knows its secret, and with that would be the other.
		p.addf("owner", "a token of API %s acts for its owner, so everybody makes their own", ManagementAPI)
		return nil
	case t.Owner == who.Name():
		return nil
	case who.Scope(right) != store.All:
		return who.lacks(right)
	}
	switch account, err := tx.AccountByName(ctx, t.Owner); {
	case errors.Is(err, store.ErrNotFound) || err == nil && !account.Enabled:
		p.addf("owner", "%q is no account that is enabled; a token needs somebody who answers for it", t.Owner)
		return nil
	default:
		return err
	}
}

// checkCeiling checks that the token is not more than the actor may hand out.
func (s *Service) checkCeiling(ctx context.Context, tx store.Tx, who *Actor, t *token.Token, p *FieldErrors) error {
	if who.command {
		return nil
	}
	excess, err := s.judge(tx, who).excess(ctx, t)
	wrong := *p
	for _, over := range excess {
		if unread := over.Field == "type" || over.Field == "duration"; unread && wrong.has(over.Field) {
			continue // what can't be understood is not too much
		}
		*p = append(*p, over)
	}
	return err
}
