package gate

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// A request in a bulk request has no query: what stands in its payload is no parameter
// that an operation has in the query.
func TestPayloadIsNoQuery(t *testing.T) {
	store := newMemoryStore()
	store.put(mint(0), newToken("seven", token.Custom, "thing.* app=7"))
	bulk, err := permission.ParsePattern("/bulk")
	if err != nil {
		t.Fatal(err)
	}
	run := newPermission(t, "thing.run", "", "POST /run")
	run.Bulk = []permission.Pattern{bulk}
	g := newGate(t, store, hostileSources(t), newCatalog(t, run,
		newPermission(t, "thing.send", "", "POST /send?app={app}"),
		newPermission(t, "thing.add", "", "POST /add json:app={app}"),
	))
	for api, want := range map[string]Reason{"/add": Allow, "/send": MissingPermission} {
		body := `{"requests":[{"method":"POST","api":"` + api + `","payload":{"app":7}}]}`
		kintoneRow{tokens: []int{0}, method: "POST", path: "/bulk", kind: jsonType, body: body, want: want}.decide(t, g)
	}
}
