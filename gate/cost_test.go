package gate

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// longGrants returns n grants of 30 segments each, which part at the first.
func longGrants(n int) (grants []string) {
	for i := range n {
		grants = append(grants, fmt.Sprintf("GET /p%d%s", i, strings.Repeat("/y", 29)))
	}
	return grants
}

// keptCost returns what the tokens that are kept cost together, compiled or not.
func keptCost(r *Resolver, tokens int) (cost int64) {
	for i := range tokens {
		digest := token.Hash(mint(uint64(i)))
		if k := r.cached(&digest); k != nil {
			cost += r.cost(k)
		}
	}
	return cost
}

// An attack: tokens of a few kilobytes of grants each, which take a hundred times as much once
// they are used. What cache_size bounds is what all of them take.
func TestCacheSizeBoundsLargeTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, large, usual = 200, 40, 180
		s, catalog := newMemoryStore(), articles(t)
		r := newResolver(t, s, func(c *Config) { c.CacheSize = size })
		use := func(from, to int) {
			for i := from; i < to; i++ {
				if k, reason := ask(r, mint(uint64(i))); k == nil {
					t.Fatal(reason)
				} else if _, err := k.grants(catalog); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			r.cache.Wait()
		}
		for i := range large + usual {
			grants := []string{"article.find", "GET /api/articles/{id}"}
			if i < large {
				grants = longGrants(60)
			}
			s.put(mint(uint64(i)), newToken(fmt.Sprint(i), token.Custom, grants...))
		}
		check := func(when string, used int) {
			if cost := keptCost(r, used); cost < size/2 || cost > size+size/10 { // the last may be one too many
				t.Errorf("%s: what is kept costs %d; want nearly %d", when, cost, size)
			}
		}
		use(0, large)
		check("used", large)
		time.Sleep(6 * time.Second)
		use(0, large) // in the background those that are kept are read again
		check("read again", large)
		use(large, large+usual)
		check("beside usual ones", large+usual)
	})
}

func TestCost(t *testing.T) {
	r := newResolver(t, newMemoryStore(), func(c *Config) { c.CacheSize = 400 })
	written := func(n int) (grants []string) {
		for i := range n {
			grants = append(grants, fmt.Sprintf("GET /api/things%d/{id}", i))
		}
		return grants
	}
	for _, test := range []struct {
		name       string
		grants     []string
		least, all int64
	}{
		{"none", nil, 1, 1},
		{"a permission", []string{"article.find"}, 1, 1},
		{"ten written out", written(10), 1, 1},
		{"a hundred written out", written(100), 5, 15},
		{"long ones", longGrants(40), 20, 35},
		{"as many as there can be", longGrants(400), 40, 40}, // a tenth of the cache
	} {
		k := &Known{Token: newToken("a", token.Custom, test.grants...)}
		if _, err := k.grants(articles(t)); err != nil {
			t.Fatal(err)
		}
		if cost := r.cost(k); cost < test.least || cost > test.all {
			t.Errorf("%s: costs %d; want %d to %d", test.name, cost, test.least, test.all)
		}
	}
}

// Requests that come at once with a token that nobody used yet compile its grants once. What
// is read again in the background with the same grants isn't compiled again.
func TestGrantsAreCompiledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret, catalog := newMemoryStore(), mint(1), articles(t)
		s.put(secret, newToken("a", token.Custom, longGrants(400)...))
		r := newResolver(t, s, nil)
		k, _ := ask(r, secret)
		var all [8]*permission.Grants
		var done sync.WaitGroup
		for i := range all {
			done.Go(func() { all[i], _ = k.grants(catalog) })
		}
		done.Wait()
		for _, grants := range all {
			if grants != all[0] {
				t.Fatal("two requests compiled")
			}
		}
		for range 3 {
			time.Sleep(6 * time.Second)
			ask(r, secret)
			synctest.Wait()
		}
		again, _ := ask(r, secret)
		if grants, _ := again.grants(catalog); again == k || grants != all[0] {
			t.Errorf("read again %v, and compiled again", again != k)
		}
	})
}
