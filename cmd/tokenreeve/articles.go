package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// article is a record of the sample API.
type article struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

// articles is the sample API that the demo protects: a REST backend like any
// other, which knows nothing of tokens.
type articles struct {
	mu   sync.Mutex
	byID map[int]article
	next int
}

func newArticles() http.Handler {
	a := &articles{byID: map[int]article{}, next: 1}
	for _, title := range []string{"How to brew tea", "Tuesdays", "On keys and locks"} {
		a.add(title)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/articles", a.find)
	mux.HandleFunc("POST /api/articles", a.create)
	mux.HandleFunc("GET /api/articles/{id}", a.withOne(func(w http.ResponseWriter, _ *http.Request, one article) {
		writeJSON(w, http.StatusOK, one)
	}))
	mux.HandleFunc("PUT /api/articles/{id}", a.withOne(a.update))
	mux.HandleFunc("DELETE /api/articles/{id}", a.withOne(func(w http.ResponseWriter, _ *http.Request, one article) {
		delete(a.byID, one.ID)
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST /api/search", a.search)
	return mux
}

// add is called with the lock held, or before there is anyone to share with.
func (a *articles) add(title string) article {
	one := article{ID: a.next, Title: title}
	a.byID[one.ID] = one
	a.next++
	return one
}

func (a *articles) all(keep func(article) bool) []article {
	list := []article{}
	for _, one := range slices.SortedFunc(maps.Values(a.byID), func(x, y article) int { return cmp.Compare(x.ID, y.ID) }) {
		if keep(one) {
			list = append(list, one)
		}
	}
	return list
}

func (a *articles) find(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	writeJSON(w, http.StatusOK, a.all(func(article) bool { return true }))
}

func (a *articles) create(w http.ResponseWriter, r *http.Request) {
	title, ok := readText(w, r, "title")
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	writeJSON(w, http.StatusCreated, a.add(title))
}

func (a *articles) update(w http.ResponseWriter, r *http.Request, one article) {
	title, ok := readText(w, r, "title")
	if !ok {
		return
	}
	one.Title = title
	a.byID[one.ID] = one
	writeJSON(w, http.StatusOK, one)
}

func (a *articles) search(w http.ResponseWriter, r *http.Request) {
	query, ok := readText(w, r, "query")
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	writeJSON(w, http.StatusOK, a.all(func(one article) bool {
		return strings.Contains(strings.ToLower(one.Title), strings.ToLower(query))
	}))
}

// withOne calls next with the article of the path, the lock held, or answers 404.
func (a *articles) withOne(next func(http.ResponseWriter, *http.Request, article)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		a.mu.Lock()
		defer a.mu.Unlock()
		one, ok := a.byID[id]
		if err != nil || !ok {
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "there is no such article"})
			return
		}
		next(w, r, one)
	}
}

// readText reads one field of a small JSON body, or answers 400.
func readText(w http.ResponseWriter, r *http.Request, field string) (string, bool) {
	var body map[string]string
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body)
	if err != nil || body[field] == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `send {"` + field + `": "…"}`})
		return "", false
	}
	return body[field], true
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may have gone away
}
