package admin

import (
	"context"
	"slices"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

// memo is a transaction that asks the store only once for what the rules ask of every
// token, so that many can change in one: nobody else can change anything meanwhile.
// It is for transactions that change neither accounts nor roles.
type memo struct {
	store.Tx

	who      *Actor
	judges   *judge // of the actor
	catalogs *answer[[]store.Catalog]
	roles    *answer[[]store.Role]
	accounts map[string]*answer[store.Account]
	compiled map[string]*permission.Catalog
}

// answer is what the store said.
type answer[T any] struct {
	value T
	err   error
}

func newMemo(tx store.Tx, who *Actor) *memo {
	return &memo{Tx: tx, who: who, accounts: map[string]*answer[store.Account]{}, compiled: map[string]*permission.Catalog{}}
}

// memoOf returns the memo below a transaction, or nil.
func memoOf(r store.Reader) *memo {
	switch r := r.(type) {
	case *memo:
		return r
	case *staged:
		return memoOf(r.Tx)
	}
	return nil
}

// Catalogs is asked once, until one is saved.
func (m *memo) Catalogs(ctx context.Context) ([]store.Catalog, error) {
	if m.catalogs == nil {
		value, err := m.Tx.Catalogs(ctx)
		m.catalogs = &answer[[]store.Catalog]{value, err}
	}
	return slices.Clone(m.catalogs.value), m.catalogs.err
}

// SaveCatalog forgets all catalogs.
func (m *memo) SaveCatalog(ctx context.Context, c store.Catalog) error {
	m.catalogs, m.judges = nil, nil
	clear(m.compiled)
	return m.Tx.SaveCatalog(ctx, c)
}

// Roles is asked once.
func (m *memo) Roles(ctx context.Context) ([]store.Role, error) {
	if m.roles == nil {
		value, err := m.Tx.Roles(ctx)
		m.roles = &answer[[]store.Role]{value, err}
	}
	return slices.Clone(m.roles.value), m.roles.err
}

// AccountByName is asked once for each name.
func (m *memo) AccountByName(ctx context.Context, name string) (store.Account, error) {
	known := m.accounts[name]
	if known == nil {
		value, err := m.Tx.AccountByName(ctx, name)
		known = &answer[store.Account]{value, err}
		m.accounts[name] = known
	}
	return known.value, known.err
}
