package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// node is a part of the document.
type node map[string]any

// at follows keys and references.
func (n node) at(keys ...string) node {
	here := resolve(n)
	for _, key := range keys {
		next, ok := here[key].(map[string]any)
		if !ok {
			panic(fmt.Sprintf("the document has no %s of %s", key, strings.Join(keys, " ")))
		}
		here = resolve(next)
	}
	return here
}

func resolve(n node) node {
	for {
		ref, ok := n["$ref"].(string)
		if !ok {
			return n
		}
		n = document()
		for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			n = n[key].(map[string]any)
		}
	}
}

// keywords are those of JSON Schema that check knows. What stands beside them in
// the document is an error, so that nothing in it goes unchecked.
var keywords = []string{
	"$ref", "type", "enum", "const", "required", "properties", "additionalProperties", "unevaluatedProperties", "items",
	"allOf", "oneOf", "format", "pattern", "minimum", "maximum", "minLength", "maxLength", "description", "default",
}

// check returns what is wrong with a value by a schema of the document. The
// module in openapitest holds the same answers against it with a library.
func check(schema node, value any, at string) []string {
	schema = resolve(schema)
	var wrong []string
	addf := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	for keyword := range schema {
		if !slices.Contains(keywords, keyword) {
			addf("keyword %s is not checked", keyword)
		}
	}
	if types := list(schema["type"]); types != nil && !slices.Contains(types, any(typeOf(value))) &&
		!(typeOf(value) == "integer" && slices.Contains(types, any("number"))) {
		addf("is %s, want %v", typeOf(value), types)
		return wrong
	}
	if enum := list(schema["enum"]); enum != nil && !slices.Contains(enum, value) {
		addf("%v is none of %v", value, enum)
	}
	if fixed, ok := schema["const"]; ok && fixed != value {
		addf("%v is not %v", value, fixed)
	}
	for _, part := range list(schema["allOf"]) {
		wrong = append(wrong, check(part.(map[string]any), value, at)...)
	}
	if choices := list(schema["oneOf"]); choices != nil {
		wrong = append(wrong, checkOneOf(choices, value, at)...)
	}
	switch value := value.(type) {
	case string:
		wrong = append(wrong, checkText(schema, value, at)...)
	case float64:
		if least, ok := schema["minimum"].(int); ok && value < float64(least) {
			addf("%v is less than %d", value, least)
		}
	case []any:
		if items, ok := schema["items"].(map[string]any); ok {
			for i, item := range value {
				wrong = append(wrong, check(items, item, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	case map[string]any:
		wrong = append(wrong, checkObject(schema, value, at)...)
	}
	return wrong
}

// checkOneOf returns what is wrong by the schema that comes closest, unless exactly one fits.
func checkOneOf(choices []any, value any, at string) (closest []string) {
	fitting := 0
	for i, choice := range choices {
		wrong := check(choice.(map[string]any), value, at)
		if len(wrong) == 0 {
			fitting++
		}
		if i == 0 || len(wrong) < len(closest) {
			closest = wrong
		}
	}
	if fitting > 1 {
		return []string{fmt.Sprintf("%s: fits %d of what it may be one of", at, fitting)}
	}
	return closest
}

func checkText(schema node, value, at string) []string {
	if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
		return []string{fmt.Sprintf("%s: %q does not match %s", at, value, pattern)}
	}
	layouts := map[any]string{"date-time": time.RFC3339Nano, "date": time.DateOnly}
	if layout, ok := layouts[schema["format"]]; ok {
		if _, err := time.Parse(layout, value); err != nil {
			return []string{at + ": " + err.Error()}
		}
	}
	return nil
}

func checkObject(schema node, value map[string]any, at string) []string {
	var wrong []string
	for _, name := range list(schema["required"]) {
		if _, ok := value[name.(string)]; !ok {
			wrong = append(wrong, at+": lacks "+name.(string))
		}
	}
	own, _ := schema["properties"].(map[string]any)
	all := properties(schema)
	others, typed := schema["additionalProperties"].(map[string]any)
	closed := schema["additionalProperties"] == false || schema["unevaluatedProperties"] == false
	for name, field := range value {
		here := at + "." + name
		switch {
		case own[name] != nil:
			wrong = append(wrong, check(own[name].(map[string]any), field, here)...)
		case typed:
			wrong = append(wrong, check(others, field, here)...)
		case closed && all[name] == nil:
			wrong = append(wrong, here+": is not in the document")
		}
	}
	return wrong
}

// properties are those of a schema and of all that it consists of.
func properties(schema node) map[string]any {
	schema = resolve(schema)
	all := map[string]any{}
	for _, part := range list(schema["allOf"]) {
		maps.Copy(all, properties(part.(map[string]any)))
	}
	own, _ := schema["properties"].(map[string]any)
	maps.Copy(all, own)
	return all
}

func list(value any) []any {
	switch value := value.(type) {
	case []any:
		return value
	case nil:
		return nil
	}
	return []any{value}
}

func typeOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if value == float64(int64(value)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// recording is where answers are written for the module in openapitest.
var recording = sync.OnceValue(func() *os.File {
	name := os.Getenv("TOKENREEVE_REST_RECORDING")
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	return file
})

var recorded sync.Mutex

func record(t *testing.T, r *http.Request, a answer) {
	t.Helper()
	file := recording()
	if file == nil {
		return
	}
	var asked []byte
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		if asked, err = io.ReadAll(body); err != nil {
			t.Fatal(err)
		}
	}
	recorded.Lock()
	defer recorded.Unlock()
	err := json.NewEncoder(file).Encode(map[string]any{
		"test": t.Name(), "method": r.Method, "url": r.URL.String(), "asked_header": r.Header, "asked": string(asked),
		"status": a.StatusCode, "header": a.Header, "body": string(a.body),
	})
	if err != nil {
		t.Error(err)
	}
}
