package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// openToPostAsGet has a token that may only read, and POSTs that are GETs at /list.
func openToPostAsGet(t *testing.T) *Gate {
	t.Helper()
	store := newMemoryStore()
	store.put(mint(0), newToken("reads", token.ReadOnly))
	g := newGate(t, store, newSources(t, Source{Place: Header, Name: "X-Cybozu-API-Token"}), articles(t))
	list, err := permission.ParsePattern("/list")
	if err != nil {
		t.Fatal(err)
	}
	g.Openings = permission.Openings{{Kind: permission.PostAsGet, Path: list}}
	return g
}

// Rack takes the method from a form before it takes it from the header. So who may only
// read could write with the GET in the header and a method in the form: the POST itself,
// or an empty one, which Rack takes for no other method.
func TestFormOfAPostAsGetNamesNoMethod(t *testing.T) {
	g, kintone := openToPostAsGet(t), newKintone(t)
	get := http.Header{"X-Http-Method-Override": {"GET"}}
	forms := map[string]Reason{
		"":                     Allow,
		"title=x&text=_method": Allow,
		"title=x&_method=POST": MethodOverride,
		"_method=POST&title=x": MethodOverride,
		"_method=post":         MethodOverride,
		"_method=DELETE":       MethodOverride,
		"_method=GET":          MethodOverride,
		"_method=":             MethodOverride,
		"_method=&title=x":     MethodOverride,
		"_method":              MethodOverride,
		"_method&title=x":      MethodOverride,
		"_method[" + strings.Repeat("x", 200) + "]": MethodOverride,
		"title=x&%5fMETHOD=%20":                     MethodOverride,
		"X-HTTP-Method-Override=POST":               MethodOverride,
	}
	for body, want := range forms {
		kintoneRow{[]int{0}, "POST", "/list", urlencoded, body, want, get}.decide(t, g)
		kintoneRow{[]int{0}, "POST", "/list", "", body, want, get}.decide(t, g)
		if body != "" { // where the form says the app
			kintoneRow{[]int{viewer}, "POST", "/k/v1/records.json", urlencoded, "app=7&" + body, want, get}.decide(t, kintone)
		}
	}
	for n, want := range map[int]Reason{99: Allow, 100: AmbiguousRequest} { // others leave out what is behind these
		kintoneRow{[]int{viewer}, "POST", "/k/v1/records.json", urlencoded, strings.Repeat("x&", n) + "app=7", want, get}.decide(t, kintone)
	}
	for name, want := range map[string]Reason{"title": Allow, "_method": MethodOverride, "X-HTTP-Method-Override": MethodOverride} {
		for _, value := range []string{"POST", "GET", ""} {
			body := "--xxx\r\n" + dispositionOf + `"` + name + "\"\r\n\r\n" + value + "\r\n--xxx--\r\n"
			kintoneRow{[]int{0}, "POST", "/list", multipartForm, body, want, get}.decide(t, g)
			kintoneRow{[]int{0}, "POST", "/list", "multipart/related; boundary=xxx", body, want, get}.decide(t, g)
		}
	}
}

// PHP has cookies in $_REQUEST too.
func TestCookieOfAPostAsGetNamesNoMethod(t *testing.T) {
	g := openToPostAsGet(t)
	for cookie, want := range map[string]Reason{"a=b": Allow, "a=b; _method=DELETE": MethodOverride, "_method=POST": MethodOverride, "rest_route=/x": MethodOverride} {
		kintoneRow{[]int{0}, "POST", "/list", urlencoded, "", want, http.Header{"X-Http-Method-Override": {"GET"}, "Cookie": {cookie}}}.decide(t, g)
	}
}

// What stands behind the head of the form breaks it off.
func TestLateMethodInAPostAsGetBreaksTheBodyOff(t *testing.T) {
	g := openToPostAsGet(t)
	r := httptest.NewRequest(http.MethodPost, "/list", strings.NewReader("x="+strings.Repeat("x", formHead)+"&_method=POST"))
	r.Header = http.Header{"X-Cybozu-Api-Token": {mint(0)}, "Content-Type": {urlencoded}, "X-Http-Method-Override": {"GET"}}
	if d := checkForms(g, r); d.Reason != Allow {
		t.Fatal(d.Reason, d.Err)
	}
	if _, err := io.ReadAll(r.Body); !errors.Is(err, errFormField) {
		t.Errorf("the backend gets all of it: %v", err)
	}
}

// A form that another gate let in for its own method was not searched for that.
func TestFormsAreSearchedForEachGate(t *testing.T) {
	g := openToPostAsGet(t)
	r := httptest.NewRequest(http.MethodPost, "/list", strings.NewReader("_method=POST"))
	r.Header = http.Header{"X-Cybozu-Api-Token": {mint(0)}, "Content-Type": {urlencoded}, "X-Http-Method-Override": {"GET"}}
	readForm(r, http.MethodPost)
	if d := checkForms(g, r); d.Reason != MethodOverride {
		t.Error(d.Reason, d.Err)
	}
}

// Where kintone answers no GET, it could take the POST for what it is, so that who may
// only read would write.
func TestPostAsGetWhereThereIsNoGet(t *testing.T) {
	g := newKintone(t)
	get := http.Header{"X-Http-Method-Override": {"GET"}}
	const remove = `{"requests":[{"method":"DELETE","api":"/k/v1/records.json","payload":{"app":7,"ids":[1]}}]}`
	for path, want := range map[string]Reason{
		"/k/v1/records.json":                 Allow,
		"/k/v1/preview/app/deploy.json":      Allow,
		"/k/guest/3/v1/app/form/fields.json": Allow,
		"/k/v1/bulkRequest.json":             AmbiguousRequest,
		"/k/v1/BulkRequest.json":             AmbiguousRequest,
		"/k/guest/3/v1/bulkRequest.json":     AmbiguousRequest,
		"/k/v1/app/move.json":                MethodOverride,
		"/k/v1/record/comment.json":          MethodOverride,
		"/k/v1/records/other.json":           MethodOverride,
	} {
		kintoneRow{[]int{readonly}, "POST", path, jsonType, remove, want, get}.decide(t, g)
	}
	every, err := permission.ParsePattern("/*") // whatever somebody opens beside
	if err != nil {
		t.Fatal(err)
	}
	g.Openings = permission.Openings{{Kind: permission.PostAsGet, Path: every}}
	kintoneRow{[]int{readonly}, "POST", "/k/v1/records.json", jsonType, remove, Allow, get}.decide(t, g)
	for _, path := range []string{"/k/v1/bulkRequest.json", "/k/v1/BULKREQUEST.json/"} {
		kintoneRow{[]int{readonly}, "POST", path, jsonType, remove, AmbiguousRequest, get}.decide(t, g)
		kintoneRow{[]int{all}, "POST", path, jsonType, remove, AmbiguousRequest, get}.decide(t, g)
	}
	// Of a path with several readings none is a GET.
	g.Openings = append(g.Openings, permission.Opening{Kind: permission.Semicolon, Path: every})
	kintoneRow{[]int{readonly}, "POST", "/k/v1/records.json;x", jsonType, "{}", MethodOverride, get}.decide(t, g)
}
