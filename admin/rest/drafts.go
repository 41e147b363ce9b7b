package rest

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

var draftRoutes = []route{
	{method: "GET", path: "/apis/{api}/drafts", parameters: []string{"days"}, handle: (*api).drafts},
	{method: "POST", path: "/apis/{api}/drafts/update", handle: (*api).updateAPI},
	{method: "POST", path: "/apis/{api}/drafts/discard", handle: (*api).discardAPI},
	{method: "GET", path: "/tokens/{id}/draft", handle: (*api).draft},
	{method: "DELETE", path: "/tokens/{id}/draft", handle: (*api).discardDraft},
}

func (a *api) drafts(c *call) error {
	days, err := c.number("days", admin.DefaultDraftDays, admin.MaxDraftDays)
	if err != nil {
		return err
	}
	found, err := a.Service.Drafts(c.r.Context(), c.actor, c.r.PathValue("api"), days)
	if errors.Is(err, store.ErrUnreadable) && found.Seen != "" {
		a.Failed(c.r, err) // which says whose draft it is
		found.Unseen, err = true, nil
	}
	if err != nil {
		return ofAPI(err)
	}
	c.w.Header().Set("ETag", `"`+found.Seen+`"`)
	a.answer(c.w, c.r, http.StatusOK, found)
	return nil
}

// ifSeen returns what the drafts were shown with. There is no * for any: nobody puts
// in force, or drops, what they have not seen.
func (c *call) ifSeen() (string, error) {
	lines := c.r.Header.Values("If-Match")
	if len(lines) == 0 {
		return "", problem(http.StatusPreconditionRequired, "version_needed", "Send If-Match with the ETag of the list of drafts, so that it is those that you have seen.")
	}
	seen, ok := strings.CutPrefix(strings.Join(lines, ","), `"`)
	seen, closed := strings.CutSuffix(seen, `"`)
	if !ok || !closed || seen == "" || strings.ContainsAny(seen, `", `) {
		return "", problem(http.StatusBadRequest, "invalid_header", "If-Match must be the ETag of the list of drafts as it was answered. There is no * here.")
	}
	return seen, nil
}

// decided reads a request about all drafts of an API.
func (c *call) decided() (seen string, err error) {
	if seen, err = c.ifSeen(); err != nil {
		return "", err
	}
	return seen, c.decode(&struct{}{})
}

// ofAPI is the answer to an error about the API of the path: one that isn't known
// is not there.
func ofAPI(err error) error {
	if fields, ok := errors.AsType[admin.FieldErrors](err); ok && fields[0].Field == "api" {
		return noAPI()
	}
	return err
}

// updatedAPI is what came of putting drafts in force.
type updatedAPI struct {
	Drafts    int            `json:"drafts"`
	Overreach []admin.Record `json:"overreach"` // of those, the tokens that are mightier than the role of their owner
}

func (a *api) updateAPI(c *call) error {
	seen, err := c.decided()
	if err != nil {
		return err
	}
	updated, err := a.Service.UpdateAPI(c.r.Context(), c.actor, c.r.PathValue("api"), seen)
	if err != nil {
		return ofAPI(err)
	}
	a.answer(c.w, c.r, http.StatusOK, updatedAPI{updated.Drafts, a.records(updated.Overreach)})
	return nil
}

// discarded is how many drafts were dropped.
type discarded struct {
	Drafts int `json:"drafts"`
}

func (a *api) discardAPI(c *call) error {
	seen, err := c.decided()
	if err != nil {
		return err
	}
	n, err := a.Service.DiscardAPI(c.r.Context(), c.actor, c.r.PathValue("api"), seen)
	if err != nil {
		return ofAPI(err)
	}
	a.answer(c.w, c.r, http.StatusOK, discarded{n})
	return nil
}

func (a *api) draft(c *call) error {
	d, err := a.Service.Draft(c.r.Context(), c.actor, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	a.answerVersion(c, http.StatusOK, d.Version, d)
	return nil
}

func (a *api) discardDraft(c *call) error {
	version, err := c.ifMatch()
	if err != nil {
		return err
	}
	if err := c.decode(&struct{}{}); err != nil {
		return err
	}
	return a.done(c, a.Service.DiscardDraft(c.r.Context(), c.actor, c.r.PathValue("id"), version))
}

// statusOf is that of the answer to a change: 202 for one that is a draft, so that
// nobody takes it for one that holds.
func statusOf(t *token.Token, otherwise int) int {
	if t.Draft != "" {
		return http.StatusAccepted
	}
	return otherwise
}
