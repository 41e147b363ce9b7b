package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// kintoneBackend speaks as much of kintone's record API as its client needs. It
// knows nothing of tokens, and keeps what it was asked.
type kintoneBackend struct {
	mu      sync.Mutex
	records map[string]map[string]any // by app and id, such as "7/1"
	last    map[string]int            // id by app
	asked   []string
	secrets []string // headers with one, which must not come
}

func startKintone(t *testing.T) (*kintoneBackend, string) {
	t.Helper()
	b := &kintoneBackend{records: map[string]map[string]any{}, last: map[string]int{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return b, strings.TrimPrefix(s.URL, "http://")
}

func (b *kintoneBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	method, in := r.Method, map[string]any{}
	for name, values := range r.URL.Query() {
		in[name] = values[0]
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &in)
	}
	if override := r.Header.Get("X-HTTP-Method-Override"); override != "" {
		method = override + " by " + method
	}
	b.asked = append(b.asked, method+" "+strings.TrimPrefix(r.URL.Path, "/k/v1/")+" of "+r.Header.Get("X-Token-Name"))
	if r.Header.Get("X-Cybozu-API-Token") != "" || strings.Contains(fmt.Sprint(r.Header), "trv_") {
		b.secrets = append(b.secrets, r.URL.Path)
	}
	method, _, _ = strings.Cut(method, " ")
	w.Header().Set("Content-Type", "application/json")
	var out any
	if err == nil {
		out = b.answer(method, r.URL.Path, in)
	}
	if out == nil {
		w.WriteHeader(http.StatusNotFound)
		out = map[string]string{"code": "GAIA_RE01", "id": "1", "message": "no such record"}
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		panic(err)
	}
}

func (b *kintoneBackend) answer(method, path string, in map[string]any) any {
	app, id := fmt.Sprint(in["app"]), fmt.Sprint(in["id"])
	record, _ := in["record"].(map[string]any)
	switch method + " " + strings.TrimPrefix(path, "/k/v1/") {
	case "GET record.json":
		if found := b.records[app+"/"+id]; found != nil {
			return map[string]any{"record": found}
		}
	case "POST record.json":
		b.last[app]++
		id = fmt.Sprint(b.last[app])
		b.records[app+"/"+id] = record
		return map[string]string{"id": id, "revision": "1"}
	case "PUT record.json":
		if b.records[app+"/"+id] != nil {
			b.records[app+"/"+id] = record
			return map[string]string{"revision": "2"}
		}
	case "GET records.json":
		return map[string]any{"records": b.of(app), "totalCount": nil}
	case "DELETE records.json":
		delete(b.records, app+"/"+fmt.Sprint(in["ids[0]"]))
		return map[string]any{}
	case "POST records/cursor.json":
		return map[string]any{"id": "cursor-of-" + app, "totalCount": "1"}
	case "GET records/cursor.json":
		return map[string]any{"records": b.of(strings.TrimPrefix(id, "cursor-of-")), "next": false}
	case "GET record/comments.json":
		return map[string]any{"comments": []any{}, "older": false, "newer": false}
	case "GET app/form/fields.json":
		return map[string]any{"properties": map[string]any{"title": map[string]any{"type": "SINGLE_LINE_TEXT"}}, "revision": "1"}
	case "GET app/form/layout.json":
		return map[string]any{"layout": []any{map[string]any{"type": "ROW"}}, "revision": "1"}
	case "GET app.json":
		return map[string]any{"appId": id, "name": "app of " + id}
	case "GET app/views.json":
		return map[string]any{"views": map[string]any{"all": map[string]any{"type": "LIST"}}, "revision": "1"}
	case "GET app/settings.json":
		return map[string]any{"name": "settings of " + app, "revision": "1"}
	case "GET app/status.json":
		return map[string]any{"enable": false, "states": nil, "actions": nil, "revision": "1"}
	case "POST record/comment.json":
		return map[string]string{"id": "1"}
	case "POST records.json":
		ids, revisions := []string{}, []string{}
		records, _ := in["records"].([]any)
		for range records {
			ids, revisions = append(ids, "1"), append(revisions, "1")
		}
		return map[string]any{"ids": ids, "revisions": revisions}
	case "POST bulkRequest.json":
		return map[string]any{"results": b.bulk(in)}
	}
	return nil
}

func (b *kintoneBackend) bulk(in map[string]any) (results []any) {
	requests, _ := in["requests"].([]any)
	for _, one := range requests {
		part, _ := one.(map[string]any)
		payload, _ := part["payload"].(map[string]any)
		results = append(results, b.answer(fmt.Sprint(part["method"]), fmt.Sprint(part["api"]), payload))
	}
	return results
}

func (b *kintoneBackend) of(app string) []any {
	found := []any{}
	for key, record := range b.records {
		if strings.HasPrefix(key, app+"/") {
			found = append(found, record)
		}
	}
	return found
}

// took returns what it was asked.
func (b *kintoneBackend) took() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}
