package permission_test

import (
	"fmt"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

// resources makes a catalog of the given number of operations: resources with
// the five usual permissions (six operations), every tenth with one below it.
func resources(t tb, operations int) *permission.Catalog {
	t.Helper()
	var permissions []permission.Permission
	for i := 0; operations > 0; i++ {
		name, path := fmt.Sprintf("resource%d", i), fmt.Sprintf("/api/v%d/resource%d", i%3, i)
		if i%10 == 9 {
			path = fmt.Sprintf("/api/v%d/resource%d/{parent}/children", (i-1)%3, i-1)
		}
		list, err := permission.ForResource(name, path, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			p.Operations = p.Operations[:min(len(p.Operations), operations)]
			if operations -= len(p.Operations); len(p.Operations) > 0 {
				permissions = append(permissions, p)
			}
		}
	}
	return catalog(t, permissions...)
}

// grantsOf names so many of the catalog's permissions, and every tenth grant
// writes an operation out.
func grantsOf(t tb, c *permission.Catalog, n int) *permission.Grants {
	t.Helper()
	var grants []string
	for i := range n {
		if i%10 == 9 {
			grants = append(grants, fmt.Sprintf("GET /written/out%d/{id}", i))
		} else {
			grants = append(grants, c.Permissions()[i].Name)
		}
	}
	g, err := c.Compile(grants)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Invariant 7, for what each request does: find, allow, and read-only's reads.
func TestDecidingAllocatesNothing(t *testing.T) {
	c := resources(t, 1000)
	g := grantsOf(t, c, 100)
	withMark := catalog(t, append([]permission.Permission{marked(t, permission.Write, "old.delete", "GET /delete/{id}")}, c.Permissions()...)...)
	for _, path := range []string{"/api/v0/resource0/42", "/api/v2/resource8/1/children/2", "/no/such/path", "/", "/written/out9/7"} {
		for _, method := range []string{"GET", "HEAD", "DELETE", "BREW"} {
			if n := testing.AllocsPerRun(100, func() { c.Find(method, path) }); n != 0 {
				t.Errorf("Find %s %s allocates %v times", method, path, n)
			}
			m := c.Find(method, path)
			if n := testing.AllocsPerRun(100, func() { g.Allow(m) }); n != 0 {
				t.Errorf("Allow %s %s allocates %v times", method, path, n)
			}
			m = withMark.Find(method, path)
			if n := testing.AllocsPerRun(100, func() { withMark.Reads(m) }); n != 0 {
				t.Errorf("Reads %s %s allocates %v times", method, path, n)
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		c := resources(b, n)
		for name, path := range map[string]string{"hit": "/api/v0/resource0/42", "miss": "/api/v0/nothing/42"} {
			b.Run(fmt.Sprintf("operations=%d/%s", n, name), func(b *testing.B) {
				if got := len(c.Names(c.Find("GET", path))); got != map[string]int{"hit": 1}[name] {
					b.Fatalf("found %d", got)
				}
				b.ReportAllocs()
				for b.Loop() {
					c.Find("GET", path)
				}
			})
		}
	}
}

func BenchmarkAllow(b *testing.B) {
	c := resources(b, 10_000)
	for _, n := range []int{1, 500} {
		g := grantsOf(b, c, n)
		refused := c.Permissions()[n+1].Operations[0]
		for _, request := range []struct{ name, method, path string }{
			{"named", "GET", "/api/v0/resource0"},
			{"written-out", "GET", "/written/out9/7"},
			{"refused", refused.Method, "/api/v1/resource9999/7"},
		} {
			b.Run(fmt.Sprintf("grants=%d/%s", n, request.name), func(b *testing.B) {
				m := c.Find(request.method, request.path)
				b.ReportAllocs()
				for b.Loop() {
					g.Allow(m)
				}
			})
		}
	}
}

func BenchmarkReads(b *testing.B) {
	c := catalog(b, append(resources(b, 1000).Permissions(), marked(b, permission.Write, "old.delete", "GET /delete/{id}"))...)
	m := c.Find("GET", "/api/v0/resource0/42")
	b.ReportAllocs()
	for b.Loop() {
		c.Reads(m)
	}
}

func BenchmarkNewCatalog(b *testing.B) {
	permissions := resources(b, 10_000).Permissions()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := permission.NewCatalog(permissions); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	c := resources(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		grantsOf(b, c, 500)
	}
}
