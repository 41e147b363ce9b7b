package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// draftRoutes are the drafts of an API, and how they are put in force or dropped.
var draftRoutes = []route{
	{method: "GET", path: "/apis/{api}/drafts", handle: (*ui).drafts},
	{method: "GET", path: "/apis/{api}/drafts/update", handle: (*ui).updatePage},
	{method: "POST", path: "/apis/{api}/drafts/update", handle: (*ui).updateAPI},
	{method: "GET", path: "/apis/{api}/drafts/discard", handle: (*ui).discardPage},
	{method: "POST", path: "/apis/{api}/drafts/discard", handle: (*ui).discardAPI},
	{method: "GET", path: "/tokens/{id}/draft/discard", handle: (*ui).discardDraftPage},
	{method: "POST", path: "/tokens/{id}/draft/discard", handle: (*ui).discardDraft},
}

// draftsPage is the drafts of an API, with what they would do.
type draftsPage struct {
	API        string
	Staged     bool
	Days       int
	Spans      []int
	Drafts     []draftView
	Sums       draftSums
	Seen       string
	Unseen     bool // there are drafts that whoever looks may not see
	Unreadable bool // there are drafts that can't be understood
	Meanwhile  bool // they are not those that were seen before
	Refused    bool // the API was not updated, as some drafts say

	MayUpdate, MayDiscard bool
}

// draftSpans are the numbers of days whose requests can be looked at.
var draftSpans = []int{7, admin.DefaultDraftDays, admin.MaxDraftDays}

// draftsPath is the page of the drafts of an API.
func draftsPath(api string) string { return "/apis/" + url.PathEscape(api) + "/drafts" }

func (u *ui) drafts(c *call) error {
	return u.showDrafts(c, http.StatusOK, func(*draftsPage) admin.FieldErrors { return nil })
}

// showDrafts shows the drafts as they are. change says what else there is to tell.
func (u *ui) showDrafts(c *call, status int, change func(body *draftsPage) admin.FieldErrors) error {
	body, err := u.newDraftsPage(c)
	if err != nil {
		return err
	}
	problems := change(&body)
	none := len(body.Drafts) == 0 && !body.Unseen && !body.Unreadable
	return u.show(c, status, "drafts", page{
		Title: "drafts.title", Name: body.API, Here: "/apis", Body: &body, Errors: problems,
		Holds: map[string]bool{"api-updated": none, "drafts-discarded": none},
	})
}

func (u *ui) newDraftsPage(c *call) (draftsPage, error) {
	body := draftsPage{Days: admin.DefaultDraftDays, Spans: draftSpans}
	for _, span := range draftSpans {
		if c.query("days") == fmt.Sprint(span) {
			body.Days = span
		}
	}
	found, err := u.Service.Drafts(c.r.Context(), c.actor, c.r.PathValue("api"), body.Days)
	if _, unknown := errors.AsType[admin.FieldErrors](err); unknown {
		return body, store.ErrNotFound
	}
	if body.Unreadable = errors.Is(err, store.ErrUnreadable); body.Unreadable {
		u.Failed(c.r, err) // the log says which
	} else if err != nil {
		return body, err
	}
	body.API, body.Staged, body.Seen, body.Unseen = found.API, found.Staged, found.Seen, found.Unseen
	for i := range found.Drafts {
		body.Drafts = append(body.Drafts, newDraftView(c, &found.Drafts[i]))
	}
	body.Sums = sumsOf(found.Drafts)
	all := len(body.Drafts) > 0 && !body.Unseen && !body.Unreadable
	body.MayUpdate = all && c.actor.Scope(admin.DraftUpdate) != store.None
	body.MayDiscard = all && c.actor.Scope(admin.DraftDiscard) != store.None
	return body, nil
}

// confirmation asks before drafts are put in force or dropped.
type confirmation struct {
	Action string // update, discard-all or discard-one
	Path   string // where the form goes
	Back   string
	Seen   string // what the drafts were that whoever is asked was shown; empty for one alone
	Drafts []draftView
	Sums   draftSums
	Days   int
}

func (u *ui) updatePage(c *call) error {
	return u.askAboutDrafts(c, "update", func(body *draftsPage) bool { return body.MayUpdate })
}

func (u *ui) discardPage(c *call) error {
	return u.askAboutDrafts(c, "discard-all", func(body *draftsPage) bool { return body.MayDiscard })
}

// askAboutDrafts asks about the drafts that were shown on the page before. If they are
// others by now, that page comes again instead.
func (u *ui) askAboutDrafts(c *call, action string, may func(*draftsPage) bool) error {
	body, err := u.newDraftsPage(c)
	if err != nil {
		return err
	}
	if body.Seen != c.query("seen") || len(body.Drafts) == 0 {
		return u.draftsChanged(c)
	}
	if !may(&body) {
		return &admin.ForbiddenError{Right: admin.DraftUpdate, Problem: texts.Get("failure.forbidden.role", c.actor.Role.Name)}
	}
	return u.confirm(c, body.API, confirmation{
		Action: action, Path: c.r.URL.Path, Back: draftsPath(body.API), Seen: body.Seen, Drafts: body.Drafts, Sums: body.Sums, Days: body.Days,
	})
}

func (u *ui) confirm(c *call, name string, body confirmation) error {
	return u.show(c, http.StatusOK, "drafts-confirm", page{Title: "drafts." + body.Action + ".title", Name: name, Here: "/apis", Body: &body})
}

// draftsChanged shows the drafts again to who was about to do something with others.
func (u *ui) draftsChanged(c *call) error {
	return u.showDrafts(c, http.StatusConflict, func(body *draftsPage) admin.FieldErrors {
		body.Meanwhile = true
		return nil
	})
}

func (u *ui) updateAPI(c *call) error {
	done, err := u.Service.UpdateAPI(c.r.Context(), c.actor, c.r.PathValue("api"), c.value("seen"))
	switch {
	case err != nil:
		return u.draftsRefused(c, err)
	case len(done.Overreach) > 0:
		return u.showUpdated(c, &done)
	}
	return c.leaveWith(draftsPath(c.r.PathValue("api")), "api-updated")
}

func (u *ui) discardAPI(c *call) error {
	if _, err := u.Service.DiscardAPI(c.r.Context(), c.actor, c.r.PathValue("api"), c.value("seen")); err != nil {
		return u.draftsRefused(c, err)
	}
	return c.leaveWith(draftsPath(c.r.PathValue("api")), "drafts-discarded")
}

// draftsRefused shows the drafts with what keeps them from what was asked.
func (u *ui) draftsRefused(c *call, err error) error {
	if errors.Is(err, store.ErrConflict) {
		return u.draftsChanged(c)
	}
	refusals, ok := errors.AsType[admin.DraftErrors](err)
	if !ok {
		return err
	}
	return u.showDrafts(c, http.StatusUnprocessableEntity, func(body *draftsPage) admin.FieldErrors {
		body.Refused = true
		var problems admin.FieldErrors
		for _, refusal := range refusals {
			text := refusalText(refusal)
			problems = append(problems, &token.FieldError{Field: "draft-" + refusal.TokenID, Problem: refusal.Name + ": " + text})
			if i := slices.IndexFunc(body.Drafts, func(d draftView) bool { return d.TokenID == refusal.TokenID }); i >= 0 {
				body.Drafts[i].Refusal = capital(text)
			}
		}
		return problems
	})
}

// updated tells of tokens that are mightier than the role of their new owner.
type updated struct {
	API     string
	Drafts  int
	Tokens  []admin.Record
	Several bool // they can be disabled together
}

func (u *ui) showUpdated(c *call, done *admin.Updated) error {
	body := updated{
		API: c.r.PathValue("api"), Drafts: done.Drafts, Tokens: u.records(done.Overreach),
		Several: len(done.Overreach) <= admin.MaxLimit && c.actor.Scope(admin.TokenUpdate) == store.All,
	}
	return u.show(c, http.StatusOK, "drafts-updated", page{Title: "drafts.updated.title", Name: body.API, Here: "/apis", Body: body})
}

func (u *ui) discardDraftPage(c *call) error {
	d, err := u.draftOf(c)
	if err != nil {
		return err
	}
	return u.confirm(c, d.Name, confirmation{
		Action: "discard-one", Path: c.r.URL.Path, Back: draftsPath(d.API) + "#draft-" + d.TokenID, Drafts: []draftView{newDraftView(c, &d)},
	})
}

func (u *ui) draftOf(c *call) (admin.DraftRecord, error) {
	if !token.IsID(c.r.PathValue("id")) {
		return admin.DraftRecord{}, store.ErrNotFound
	}
	return u.Service.Draft(c.r.Context(), c.actor, c.r.PathValue("id"))
}

func (u *ui) discardDraft(c *call) error {
	d, err := u.draftOf(c)
	if err != nil {
		return err
	}
	if err := u.Service.DiscardDraft(c.r.Context(), c.actor, d.TokenID, 0); err != nil {
		return err
	}
	return c.leaveWith(draftsPath(d.API), "draft-discarded")
}
