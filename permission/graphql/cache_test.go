package graphql

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A text that was read is found again by its digest alone, an error too.
func TestRemembersFieldsAndErrors(t *testing.T) {
	r, err := New(DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{ a }", "{ a"} {
		d := sha256.Sum256([]byte(text))
		if r.cache.find(&d) != nil {
			t.Fatalf("%q is known before it was read", text)
		}
		first, err1 := r.ReadDocument([]byte(text))
		e := r.cache.find(&d)
		if e == nil {
			t.Fatalf("%q is not remembered", text)
		}
		second, err2 := r.ReadDocument([]byte(text))
		if fmt.Sprint(first, err1) != fmt.Sprint(second, err2) || fmt.Sprint(e.fields) != fmt.Sprint(second.Fields) {
			t.Errorf("%q: first %v, %v; then %v, %v", text, first, err1, second, err2)
		}
	}
}

// Two documents that share a slot are told apart by the whole digest.
func TestOneSlotTwoDocuments(t *testing.T) {
	c := new(cache)
	one, other := digest{}, digest{31: 1}
	c.add(one, []Field{{Query, "a"}}, nil)
	if c.slot(&one) != c.slot(&other) {
		t.Fatal("the two have different slots")
	}
	if e := c.find(&other); e != nil {
		t.Fatalf("another document is found: %v", e.fields)
	}
	c.add(other, []Field{{Mutation, "b"}}, nil)
	if e := c.find(&one); e != nil {
		t.Fatalf("the overwritten document is found: %v", e.fields)
	}
}

// Neither many documents nor large ones make the memory grow: not by their number,
// nor by long names or the texts that names are cut from.
func TestCacheIsBounded(t *testing.T) {
	limits := DefaultLimits
	limits.Tokens = 1 << 20
	r, err := New(limits)
	if err != nil {
		t.Fatal(err)
	}
	before := heapInUse()
	for i := range 2 * len(r.cache) {
		text := fmt.Sprintf("{ a%d } # %s", i, strings.Repeat("x", 4000))
		if _, err := r.ReadDocument([]byte(text)); err != nil {
			t.Fatal(err)
		}
		inJSON := fmt.Sprintf(`{"query":"{ a%d } # %s"}`, i, strings.Repeat("x", 1900+i%200))
		if _, err := r.ReadJSON([]byte(inJSON)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		long := strings.Repeat("x", 500_000) + fmt.Sprint(i)
		for _, text := range []string{"{" + long + "}", "query " + long + "{a} query " + long + "{a}", "{ b ...F" + long + "}"} {
			r.ReadDocument([]byte(text))
		}
		many := "{"
		for k := range 1000 {
			many += fmt.Sprintf(" f%d_%d", i, k)
		}
		r.ReadDocument([]byte(many + "}"))
	}
	entries, texts := 0, 0
	for i := range r.cache {
		if e := r.cache[i].Load(); e != nil {
			entries++
			if size := e.size(); size > maxEntry {
				t.Errorf("an entry of %d bytes is kept", size)
			}
		}
		if q := r.texts.table[i].Load(); q != nil {
			texts++
			if len(q.raw) > maxText || q.size() > maxEntry {
				t.Errorf("a text of %d bytes is kept, with an entry of %d", len(q.raw), q.size())
			}
		}
	}
	if texts < len(r.cache)/4 {
		t.Errorf("only %d texts are kept", texts)
	}
	if grown := heapInUse() - before; grown > 12<<20 || entries < len(r.cache)/2 {
		t.Errorf("%d entries take %d KiB", entries, grown>>10)
	}
	runtime.KeepAlive(r)
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Readers that work at once on few slots and many documents never see the fields
// of another document.
func TestReadersAtOnce(t *testing.T) {
	r, err := New(DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				name := fmt.Sprintf("f%d", (i*7+g*13)%6000)
				got, err := r.ReadJSON([]byte(`{"query":"mutation { ` + name + ` }"}`))
				if err != nil || len(got.Fields) != 1 || got.Fields[0] != (Field{Mutation, name}) {
					t.Errorf("%s: got %v, %v", name, got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestKnownDocumentAllocatesNextToNothing(t *testing.T) {
	r, err := New(DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"query":"{ a }","variables":{"x":[1,2,{"y":"z"}]}}`)
	if n := testing.AllocsPerRun(100, func() { r.ReadJSON(body) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What stands between the quotes of a JSON string is remembered as such: elsewhere the
// same bytes are another document.
func TestTextsInJSONAreOfJSONAlone(t *testing.T) {
	r, err := New(DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	const inJSON = `{ a(x: \"\n\") } # \u000a query B { b }`
	const plain = `{ a } # \u000a mutation { deleteAll }`
	for range 2 {
		if _, err := r.ReadJSON([]byte(`{"query":"` + inJSON + `"}`)); err == nil {
			t.Error("a line feed in a string is read")
		}
		if got, err := r.ReadDocument([]byte(plain)); err != nil || len(got.Fields) != 1 {
			t.Errorf("as a document: %v, %v", got, err)
		}
		if got, err := r.ReadJSON([]byte(`{"query":"` + plain + `"}`)); err == nil {
			t.Errorf("in JSON: %v", got)
		}
		if got, err := r.ReadJSON([]byte(`{"query":"query A { a } # \u000a mutation B { deleteAll }"}`)); err != nil || len(got.Fields) != 2 {
			t.Errorf("in JSON: %v, %v", got, err)
		}
	}
}

// A text that is known is not run under a hash that is not its own.
func TestKnownTextWithAnotherHash(t *testing.T) {
	r, err := New(DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.ReadJSON([]byte(`{"query":"{ a }"}`)); err != nil {
			t.Fatal(err)
		}
	}
	wrong := `{"query":"{ a }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("0", 64) + `"}}}`
	if got, err := r.ReadJSON([]byte(wrong)); err == nil {
		t.Errorf("it is read: %v", got)
	}
}
