package admin

import (
	"context"
	"errors"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Overreach is active tokens that are mightier than the role of who has them.
type Overreach struct {
	Tokens []token.Token // those that the actor may see
	Unseen int           // how many more there are
}

// Count returns how many there are, seen or not.
func (o *Overreach) Count() int { return len(o.Tokens) + o.Unseen }

// overreach finds the active tokens of the accounts that are mightier than the
// role allows them to hand out, and disables them if that is wanted. Who manages
// accounts need have no right for the tokens of others.
func (s *Service) overreach(ctx context.Context, tx store.Tx, who *Actor, role *store.Role, accounts []store.Account, disable bool) (Overreach, error) {
	tokens, err := s.mightierOf(ctx, tx, role, accounts)
	if err != nil {
		return Overreach{}, err
	}
	if disable {
		if err := s.disableAll(ctx, tx, who, tokens); err != nil {
			return Overreach{}, err
		}
	}
	if err := markDrafts(ctx, tx, "", tokens); err != nil {
		return Overreach{}, err
	}
	var over Overreach
	for i := range tokens {
		if who.May(TokenRead, &tokens[i]) {
			over.Tokens = append(over.Tokens, tokens[i])
		} else {
			over.Unseen++
		}
	}
	return over, nil
}

// disableAll disables the tokens, if the actor may do that to each of them.
func (s *Service) disableAll(ctx context.Context, tx store.Tx, who *Actor, tokens []token.Token) error {
	for i := range tokens {
		if err := who.need(TokenUpdate, &tokens[i]); err != nil {
			return err
		}
	}
	for i := range tokens {
		if err := s.switchTo(ctx, tx, who, &tokens[i], false); err != nil {
			return err
		}
		var err error
		if tokens[i], err = tx.Token(ctx, tokens[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// mightierOf returns the active tokens of the accounts that are mightier than the role.
func (s *Service) mightierOf(ctx context.Context, tx store.Tx, role *store.Role, accounts []store.Account) ([]token.Token, error) {
	judge := s.judgeOf(tx, role)
	var tokens []token.Token
	for i := range accounts {
		owned, err := s.ownedBy(ctx, tx, accounts[i].Name)
		if err != nil {
			return nil, err
		}
		for _, t := range owned.tokens {
			if mightier, err := judge.mightier(ctx, &t); err != nil {
				return nil, err
			} else if mightier {
				tokens = append(tokens, t)
			}
		}
	}
	return tokens, nil
}

// judgeOf returns a judge of what a role may hand out, whoever has it.
func (s *Service) judgeOf(r store.Reader, role *store.Role) *judge {
	return &judge{service: s, reader: r, role: *role, covers: map[string]*cover{}}
}

// mightier reports whether an active token is more than the role allows to hand
// out. One that hands out nothing allows none.
func (j *judge) mightier(ctx context.Context, t *token.Token) (bool, error) {
	excess, err := j.excess(ctx, t)
	return (len(excess) > 0 || !handsOut(&j.role)) && t.Status(j.service.now()) == token.Active, err
}

// mightierThanOwner is mightier for the role of the token's owner, if that is an account.
func (s *Service) mightierThanOwner(ctx context.Context, tx store.Tx, t *token.Token) (bool, error) {
	owner, err := tx.AccountByName(ctx, t.Owner)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	role, err := s.role(ctx, tx, owner.Role)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // one that is gone hands out nothing
		return false, err
	}
	return s.judgeOf(tx, &role).mightier(ctx, t)
}

// owned are all tokens of an owner.
type owned struct {
	tokens     []token.Token
	unreadable []string // ids of those that can't be understood
	drafts     []string // ids of new ones that are only drafts
}

func (o *owned) count() int { return len(o.tokens) + len(o.unreadable) + len(o.drafts) }

func (s *Service) ownedBy(ctx context.Context, r store.Reader, owner string) (owned, error) {
	var all owned
	q := store.TokenQuery{Owner: owner, Now: s.now(), Limit: MaxLimit}
	for {
		page, err := r.TokenPage(ctx, q)
		if err != nil {
			return owned{}, err
		}
		all.tokens, all.unreadable = append(all.tokens, page.Tokens...), append(all.unreadable, page.Unreadable...)
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	drafts, err := r.Drafts(ctx, "")
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return owned{}, err
	}
	for i := range drafts {
		if d := &drafts[i]; d.Base == nil && d.Token != nil && d.Token.Owner == owner {
			all.drafts = append(all.drafts, d.TokenID)
		}
	}
	return all, nil
}
