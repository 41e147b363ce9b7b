package caddymodule

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// problemOfStore is for requests that come while the store is away.
func problemOfStore() problem {
	return problem{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable",
		Detail: "The store can't be reached. Try again soon.",
	}
}

func answerProblem(w http.ResponseWriter, p problem) error {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // who went away misses nothing
	return nil
}
