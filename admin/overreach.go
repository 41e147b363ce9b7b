package admin

import (
	"context"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// overreach returns the active tokens of the accounts that are mightier than the
// role allows them to hand out, and disables them if that is wanted. A role that
// hands out nothing allows none.
func (s *Service) overreach(ctx context.Context, tx store.Tx, who *Actor, role *store.Role, accounts []store.Account, disable bool) ([]token.Token, error) {
	judge := &judge{service: s, reader: tx, role: *role, covers: map[string]*cover{}}
	var over []token.Token
	for i := range accounts {
		tokens, err := s.ownedBy(ctx, tx, accounts[i].Name)
		if err != nil {
			return nil, err
		}
		for _, t := range tokens {
			excess, err := judge.excess(ctx, &t)
			if err != nil {
				return nil, err
			}
			if len(excess) == 0 && handsOut(role) || t.Status(s.now()) != token.Active {
				continue
			}
			if disable {
				if err := s.switchTo(ctx, tx, who, &t, false); err != nil {
					return nil, err
				}
				if t, err = tx.Token(ctx, t.ID); err != nil {
					return nil, err
				}
			}
			over = append(over, t)
		}
	}
	return over, nil
}

// ownedBy returns all tokens of an owner.
func (s *Service) ownedBy(ctx context.Context, r store.Reader, owner string) ([]token.Token, error) {
	var all []token.Token
	q := store.TokenQuery{Owner: owner, Now: s.now(), Limit: MaxLimit}
	for {
		page, err := r.TokenPage(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Tokens...)
		if page.Next == "" {
			return all, nil
		}
		q.After = page.Next
	}
}
