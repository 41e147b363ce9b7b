package rest

import (
	"net/http"
	"strconv"
	"strings"
)

// etag names a version of a record.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// neededIfMatch is ifMatch for changes to what somebody has read. To overwrite what
// somebody else changed in the meantime has to be asked for, with If-Match: *.
func (c *call) neededIfMatch() (int64, error) {
	if len(c.r.Header.Values("If-Match")) == 0 {
		return 0, problem(http.StatusPreconditionRequired, "version_needed",
			"Send If-Match with the ETag of the version that the change was made from, or * for any.")
	}
	return c.ifMatch()
}

// ifMatch returns the version that a change was made from. It is 0 for any, which
// If-Match: * says, and a request without one.
func (c *call) ifMatch() (int64, error) {
	lines := c.r.Header.Values("If-Match")
	if len(lines) == 0 {
		return 0, nil
	}
	text := strings.Join(lines, ",")
	if text == "*" {
		return 0, nil
	}
	quoted, ok := strings.CutPrefix(text, `"`)
	quoted, closed := strings.CutSuffix(quoted, `"`)
	version, err := strconv.ParseInt(quoted, 10, 64)
	if !ok || !closed || err != nil || version < 1 || etag(version) != text {
		return 0, problem(http.StatusBadRequest, "invalid_header", `If-Match must be one ETag as it was answered, such as "3", or *.`)
	}
	return version, nil
}

// answerVersion answers a record and its version.
func (a *api) answerVersion(c *call, status int, version int64, body any) {
	c.w.Header().Set("ETag", etag(version))
	a.answer(c.w, c.r, status, body)
}

// page is a page of a list as it is answered.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"` // cursor of the next page; null if there is none
}

func newPage[T any](items []T, next string) page[T] {
	p := page[T]{Items: items}
	if items == nil {
		p.Items = []T{}
	}
	if next != "" {
		p.Next = &next
	}
	return p
}
