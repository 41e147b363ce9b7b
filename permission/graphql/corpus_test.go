package graphql_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// recorded is a document and what graphql-js 16 reads in it; see generate.mjs. The
// document stays in JSON, in which it is sent.
type recorded struct {
	Class      string          `json:"class"`
	Document   json.RawMessage `json:"document"`
	Parses     bool            `json:"parses"`
	Operations []struct {
		Kind   graphql.Kind `json:"kind"`
		Fields []string     `json:"fields"`
	} `json:"operations"`
}

func (r *recorded) fields() (all []graphql.Field) {
	for _, op := range r.Operations {
		for _, name := range op.Fields {
			all = append(all, graphql.Field{Kind: op.Kind, Name: name})
		}
	}
	return all
}

func (r *recorded) body() []byte { return []byte(`{"query":` + string(r.Document) + `}`) }

func recordings(tb testing.TB) (all []recorded) {
	tb.Helper()
	files, err := filepath.Glob("testdata/graphql-js*.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var r recorded
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				tb.Fatal(err)
			}
			all = append(all, r)
		}
		file.Close()
	}
	if len(all) < 2000 {
		tb.Fatalf("only %d documents are recorded", len(all))
	}
	return all
}

// longComment is a comment, in JSON, that ends at a carriage return, but not for graphql-ruby.
var longComment = regexp.MustCompile(`#.*?\\r([^\\]|\\[^n])`)

// Whatever graphql-js would run is read exactly so, or refused; what clients may
// send is not refused. A field that graphql-js runs and that is missing here is a
// hole.
func TestReadsAllThatGraphQLJSReads(t *testing.T) {
	r := reader(t)
	same, refused := 0, 0
	for _, row := range recordings(t) {
		got, err := r.ReadJSON(row.body())
		want := row.fields()
		switch {
		case err != nil && longComment.Match(row.Document):
			refused++
		case row.Class == "ordinary" && (err != nil || len(want) == 0):
			t.Errorf("an ordinary document is refused: %s: %v", row.Document, err)
		case !row.Parses && err == nil:
			t.Errorf("graphql-js refuses %s, and it is read as %q", row.Document, does(got))
		case !row.Parses:
		case err != nil:
			refused++
			if testing.Verbose() {
				t.Logf("refused: %s: %v", row.Document, err)
			}
		case !covers(got, want):
			t.Errorf("%s does %q, but only %q is seen", row.Document, want, does(got))
		case !covers(graphql.Request{Fields: want}, got.Fields):
			t.Errorf("%s does %q, but %q is seen", row.Document, want, does(got))
		default:
			same++
		}
	}
	t.Logf("%d documents are read alike, %d refused that graphql-js parses", same, refused)
}
