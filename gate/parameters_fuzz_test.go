package gate

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
)

// FuzzJSONMemberIsReadAsOtherReadersDo: the value that decides is the one that a reader
// of maps gets (as JavaScript does: the last of equal keys), and the one that a reader of
// fields without regard to case gets (as Go and .NET do).
func FuzzJSONMemberIsReadAsOtherReadersDo(f *testing.F) {
	for _, seed := range []string{
		`{"app":7}`, `{"app":"7"}`, `{"\u0061pp":7,"x":{"app":8}}`, `{"app":7,"app":8}`, `{"App":8,"app":7}`, `{"app":-0}`, `{"app":1e3}`,
		`{"app":"\ud800"}`, `{"a\u017fp":1,"app":2}`, `[{"app":7}]`, ` {"app" : 7 } `, `{"app":null}`, `{"app":[7]}`, `{"x":[{"app":1}],"app":"a\u0000"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkJSON([]byte(text)) != nil {
			return
		}
		got, found, err := membersOf([]byte(text), "app").text("app")
		if err != nil {
			return
		}
		var byName map[string]json.RawMessage
		var byField struct {
			App json.RawMessage `json:"app"`
		}
		if strings.HasPrefix(strings.TrimSpace(text), "{") {
			if err := json.Unmarshal([]byte(text), &byName); err != nil {
				t.Fatalf("%q is taken, and is no object: %v", text, err)
			}
			if err := json.Unmarshal([]byte(text), &byField); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if _, there := byName["app"]; there != found || (byField.App != nil) != found {
			t.Fatalf("%q: found is %v; others have %s and %s", text, found, byName["app"], byField.App)
		}
		if !found {
			return
		}
		for _, raw := range []json.RawMessage{byName["app"], byField.App} {
			var other any
			in := json.NewDecoder(strings.NewReader(string(raw)))
			in.UseNumber()
			if err := in.Decode(&other); err != nil {
				t.Fatal(err)
			}
			if number, ok := other.(json.Number); ok {
				other = number.String()
			}
			if other != got {
				t.Fatalf("%q: %q decides, others read %q", text, got, other)
			}
		}
	})
}

// FuzzJSONPartsAreThoseOfTheDecoder: objects and arrays have the parts that encoding/json
// finds in them, in their order.
func FuzzJSONPartsAreThoseOfTheDecoder(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` [ ] `, `{"a":1,"b":[1,{"c":"}"}],"":null}`, `[1 ,"\\\"]", {"a" : {}} ,[[]],true,-1e3]`, "{\t\"a\\\\\"\n:\r\"b\" }\n", `["\u0022,",{}]`, `7`, `{"a":1,"a":2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || !strings.HasPrefix(strings.TrimSpace(text), "{") && !strings.HasPrefix(strings.TrimSpace(text), "[") {
			return
		}
		in := json.NewDecoder(strings.NewReader(text))
		opening, err := in.Token()
		within([]byte(text), func(name, raw []byte) bool {
			var wantName any
			if opening == json.Delim('{') && err == nil {
				wantName, err = in.Token()
			}
			var want json.RawMessage
			if err == nil {
				err = in.Decode(&want)
			}
			var got any
			if name != nil {
				err = errors.Join(err, json.Unmarshal(name, &got))
			}
			if err != nil || got != wantName || string(raw) != string(want) {
				t.Fatalf("%q: got %q and %s, want %v and %s, %v", text, name, raw, wantName, want, err)
			}
			return true
		})
		if in.More() {
			t.Fatalf("%q: parts are missing", text)
		}
	})
}

// FuzzQueryParameterIsReadAsOtherReadersDo: the value that decides is the only one that
// readers of queries find, whether they take the first, the last, or split at ';' too.
func FuzzQueryParameterIsReadAsOtherReadersDo(f *testing.F) {
	for _, seed := range []string{
		"app=7", "app=7&app=8", "a=1;app=7", "app=%37", "%61pp=7&x", "App=7", "app[]=7", "app=7&app%00=8", "app", "app=+7", "x=app=7", "app=7%3Bapp=8",
		"&&app=7", "app=%zz", "%u0061pp=8&app=7",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, found, err := queryValue(query, "app")
		if err != nil {
			return
		}
		for _, separators := range []string{"&", "&;"} {
			var values []string
			for _, part := range strings.FieldsFunc(query, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
				name, value, _ := strings.Cut(part, "=")
				name, bad := url.QueryUnescape(name)
				if bad != nil || !strings.EqualFold(strings.Trim(name, " "), "app") {
					continue
				}
				decoded, bad := url.QueryUnescape(value)
				if bad != nil {
					t.Fatalf("%q is taken with a broken escape", query)
				}
				values = append(values, decoded)
			}
			if len(values) > 1 || found != (len(values) == 1) || found && values[0] != got {
				t.Fatalf("%q: %q decides (%v); split at %q there is %q", query, got, found, separators, values)
			}
		}
	})
}
