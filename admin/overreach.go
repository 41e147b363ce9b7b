package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// Overreach is active tokens that are mightier than the role of who has them, and those that
// would be once their drafts are in force.
type Overreach struct {
	// Tokens are those that the actor may see; as it is drafted if only that is mightier. Beyond
	// store.PageBytes they are without descriptions and grants.
	Tokens []token.Token
	Unseen int // how many more there are
}

// Count returns how many there are, seen or not.
func (o *Overreach) Count() int { return len(o.Tokens) + o.Unseen }

// overreach finds the active tokens of the accounts that are mightier than the
// role allows them to hand out, and disables them if that is wanted. Who manages
// accounts need have no right for the tokens of others.
func (s *Service) overreach(ctx context.Context, tx store.Tx, who *Actor, role *store.Role, accounts []store.Account, disable bool) (Overreach, error) {
	tokens, drafted, err := s.mightierOf(ctx, tx, role, accounts, disable)
	if err != nil {
		return Overreach{}, err
	}
	if disable {
		if err := s.disableAll(ctx, tx, who, tokens); err != nil {
			return Overreach{}, err
		}
		if err := s.disableDrafts(ctx, tx, who, drafted); err != nil {
			return Overreach{}, err
		}
	}
	if err := markDrafts(ctx, tx, who, "", tokens); err != nil {
		return Overreach{}, err
	}
	live := len(tokens)
	for i := range drafted {
		if !slices.ContainsFunc(tokens[:live], func(t token.Token) bool { return t.ID == drafted[i].ID }) {
			tokens = append(tokens, drafted[i])
		}
	}
	var over Overreach
	for i := range tokens {
		if who.May(TokenRead, &tokens[i]) {
			over.Tokens = append(over.Tokens, tokens[i])
		} else {
			over.Unseen++
		}
	}
	shorten(over.Tokens)
	return over, nil
}

// shorten leaves out what is long of the tokens beyond store.PageBytes: an account can have
// thousands of them, each with hundreds of grants.
func shorten(tokens []token.Token) {
	size := 0
	for i := range tokens {
		if size >= store.PageBytes {
			tokens[i].Description, tokens[i].Grants = "", nil
		}
		size += store.TokenSize(&tokens[i])
	}
}

// disableAll disables the tokens, if the actor may do that to each of them.
func (s *Service) disableAll(ctx context.Context, tx store.Tx, who *Actor, tokens []token.Token) error {
	for i := range tokens {
		if err := who.need(TokenUpdate, &tokens[i]); err != nil {
			return err
		}
	}
	if _, err := s.edit(ctx, tx, who, tokenDisable, tokens, func(t *token.Token) { t.Enabled = false }); err != nil {
		return err
	}
	return reread(ctx, tx, tokens)
}

// disableDrafts sees to it that the tokens are disabled once their drafts are in force.
func (s *Service) disableDrafts(ctx context.Context, tx store.Tx, who *Actor, tokens []token.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	read, _, err := readAhead(ctx, tx)
	if err != nil {
		return err
	}
	stage := s.stageAlways(read, who)
	for i := range tokens {
		if err := who.need(TokenUpdate, &tokens[i]); err != nil {
			return err
		}
		if err := s.disableDraft(ctx, stage, tokens[i].ID); err != nil {
			return err
		}
		if tokens[i], err = stage.Token(ctx, tokens[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// mightierOf returns the active tokens of the accounts that are mightier than the role, and
// those that would be once their drafts are in force. A token can be in both. They are whole
// if that is wanted, as they have to be to change them.
func (s *Service) mightierOf(ctx context.Context, tx store.Tx, role *store.Role, accounts []store.Account, whole bool) (tokens, drafted []token.Token, err error) {
	judge := s.judgeOf(tx, role)
	for i := range accounts {
		had := map[string]bool{}
		err := s.eachOwned(ctx, tx, accounts[i].Name, func(page *store.TokenPage) (err error) {
			for _, t := range page.Tokens {
				had[t.ID] = true
			}
			if tokens, err = judge.appendMightier(ctx, tokens, page.Tokens); err == nil && !whole {
				shorten(tokens)
			}
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		results, err := s.draftedFor(ctx, tx, accounts[i].Name, had)
		if err != nil {
			return nil, nil, err
		}
		if drafted, err = judge.appendMightier(ctx, drafted, results); err != nil {
			return nil, nil, err
		}
	}
	return tokens, drafted, nil
}

// draftedFor returns the tokens that an owner will have by drafts, as they will be. had has
// the ids of those that the owner has now.
func (s *Service) draftedFor(ctx context.Context, r store.Reader, owner string, had map[string]bool) ([]token.Token, error) {
	drafts, err := r.Drafts(ctx, "")
	if err != nil && !errors.Is(err, store.ErrUnreadable) { // that is never put in force
		return nil, err
	}
	drafts = slices.DeleteFunc(drafts, func(d store.Draft) bool {
		return d.Token == nil || !had[d.TokenID] && d.Token.Owner != owner
	})
	if len(drafts) == 0 {
		return nil, nil
	}
	live, err := tokensOf(ctx, r, drafts)
	if err != nil {
		return nil, err
	}
	var results []token.Token
	for _, draft := range drafts {
		d, err := withToken(draft, live[draft.TokenID])
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable) {
			return nil, err
		}
		if err == nil && d.result.Owner == owner {
			results = append(results, *d.result)
		}
	}
	return results, nil
}

func (j *judge) appendMightier(ctx context.Context, to, tokens []token.Token) ([]token.Token, error) {
	for i := range tokens {
		if mightier, err := j.mightier(ctx, &tokens[i]); err != nil {
			return nil, err
		} else if mightier {
			to = append(to, tokens[i])
		}
	}
	return to, nil
}

// judgeOf returns a judge of what a role may hand out, whoever has it.
func (s *Service) judgeOf(r store.Reader, role *store.Role) *judge {
	return &judge{service: s, reader: r, role: *role, covers: map[string]*cover{}, verdicts: map[[sha256.Size]byte]bool{}}
}

// mightier reports whether a token that is active, or will be once it is no longer a draft, is
// more than the role allows to hand out. One that hands out nothing allows none.
func (j *judge) mightier(ctx context.Context, t *token.Token) (bool, error) {
	inForce := *t
	inForce.Draft = ""
	if inForce.Status(j.service.now()) != token.Active {
		return false, nil
	}
	if !handsOut(&j.role) {
		return true, nil
	}
	alike := fmt.Sprintf("%q %q %q", t.API, t.Type, t.Grants)
	key := sha256.Sum256([]byte(alike))
	if known, asked := j.verdicts[key]; asked {
		return known, nil
	}
	excess, err := j.excess(ctx, t)
	if err == nil {
		j.verdicts[key] = len(excess) > 0
	}
	return len(excess) > 0, err
}

// mightierThanOwner is mightier for the role of the token's owner, if that is an account.
func (s *Service) mightierThanOwner(ctx context.Context, tx store.Tx, t *token.Token) (bool, error) {
	return s.ownerJudges(tx).mightier(ctx, t)
}

// ownerJudges judge tokens by the roles of their owners, each of which is read once.
type ownerJudges struct {
	service *Service
	reader  store.Reader
	known   map[string]*judge // by owner; nil for one that is no account
}

func (s *Service) ownerJudges(r store.Reader) *ownerJudges {
	return &ownerJudges{s, r, map[string]*judge{}}
}

func (o *ownerJudges) mightier(ctx context.Context, t *token.Token) (bool, error) {
	judge, known := o.known[t.Owner]
	if !known {
		var err error
		if judge, err = o.judge(ctx, t.Owner); err != nil {
			return false, err
		}
		o.known[t.Owner] = judge
	}
	if judge == nil {
		return false, nil
	}
	return judge.mightier(ctx, t)
}

func (o *ownerJudges) judge(ctx context.Context, name string) (*judge, error) {
	owner, err := o.reader.AccountByName(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // it is no account
	}
	if err != nil {
		return nil, err
	}
	role, err := o.service.role(ctx, o.reader, owner.Role)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // one that is gone hands out nothing
		return nil, err
	}
	return o.service.judgeOf(o.reader, &role), nil
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
	err := s.eachOwned(ctx, r, owner, func(page *store.TokenPage) error {
		all.tokens, all.unreadable = append(all.tokens, page.Tokens...), append(all.unreadable, page.Unreadable...)
		return nil
	})
	if err != nil {
		return owned{}, err
	}
	all.drafts, err = draftsOwnedBy(ctx, r, owner)
	return all, err
}

// eachOwned gives fn the tokens of an owner in parts.
func (s *Service) eachOwned(ctx context.Context, r store.Reader, owner string, fn func(*store.TokenPage) error) error {
	q := store.TokenQuery{Owner: owner, Now: s.now(), Limit: MaxLimit}
	for {
		page, err := r.TokenPage(ctx, q)
		if err != nil {
			return err
		}
		if err := fn(&page); err != nil || page.Next == "" {
			return err
		}
		q.After = page.Next
	}
}

// ownsTokens counts the tokens of an owner without reading them.
func (s *Service) ownsTokens(ctx context.Context, r store.Reader, owner string) (n int, err error) {
	counts, err := r.CountTokens(ctx, owner)
	if err != nil {
		return 0, err
	}
	for _, count := range counts {
		n += count
	}
	drafts, err := draftsOwnedBy(ctx, r, owner)
	return n + len(drafts), err
}

// draftsOwnedBy returns the ids of new tokens of an owner that are only drafts.
func draftsOwnedBy(ctx context.Context, r store.Reader, owner string) (ids []string, err error) {
	drafts, err := r.Drafts(ctx, "")
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	for i := range drafts {
		if d := &drafts[i]; d.Base == nil && d.Token != nil && d.Token.Owner == owner {
			ids = append(ids, d.TokenID)
		}
	}
	return ids, nil
}
