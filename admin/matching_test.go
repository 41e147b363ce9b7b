package admin_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// allocating notes how much memory is asked for in transactions.
type allocating struct {
	store.Store

	bytes uint64
}

func (a *allocating) Change(ctx context.Context, fn func(store.Tx) error) error {
	return a.Store.Change(ctx, func(tx store.Tx) (err error) {
		a.bytes += allocated(func() { err = fn(tx) })
		return err
	})
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// An attack: hundreds of long grants that part at their first segment take long to be made ready
// for matching, and everybody's changes wait for a transaction. It is done in front of that.
func TestGrantsAreMatchedBeforeTheTransaction(t *testing.T) {
	parting := func(method string) (grants []string) {
		for i := range token.MaxGrants {
			grants = append(grants, fmt.Sprintf("%s /s%03d%s", method, i, strings.Repeat("/a", 240)))
		}
		return grants
	}
	f := newFixture(t)
	watched := &allocating{Store: f.store}
	service := admin.New(watched, time.Now, rand.Reader)
	most := allocated(func() { _ = permission.CheckTogether(parting("GET")) })
	made, _, err := service.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, parting("GET") }))
	if err != nil || watched.bytes > most {
		t.Errorf("to create took %d bytes in the transaction, %v; to match the grants takes %d", watched.bytes, err, most)
	}
	watched.bytes = 0
	if _, err := service.Update(t.Context(), operator, made.ID, admin.Edit{Grants: new(parting("PUT"))}); err != nil || watched.bytes > most {
		t.Errorf("to update took %d bytes in the transaction, %v; to match the grants takes %d", watched.bytes, err, most)
	}
}

// Grants that are too much together are refused as they ever were, also where some are held.
func TestGrantsThatAreTooMuchTogether(t *testing.T) {
	const want = "the patterns overlap in too many ways; use fewer captures in front of literal segments"
	var grants []string
	for i := range 24 {
		segments := strings.Split(strings.Repeat("/{x}", 24), "/")[1:]
		for j := range segments {
			segments[j] = fmt.Sprintf("{c%d}", j)
		}
		segments[i] = "a"
		grants = append(grants, "GET /"+strings.Join(segments, "/"))
	}
	f := newFixture(t)
	_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, grants }))
	if problems(t, err) != "grants" || !strings.Contains(err.Error(), want) {
		t.Errorf("to create: %v", err)
	}
	made, _ := f.create(t, func(d *admin.NewToken) { d.Type, d.Grants = token.Custom, grants[:2] })
	_, err = f.Update(t.Context(), operator, made.ID, admin.Edit{Grants: &grants})
	if problems(t, err) != "grants" || !strings.Contains(err.Error(), want) {
		t.Errorf("to update: %v", err)
	}
}
