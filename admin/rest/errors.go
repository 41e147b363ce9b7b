package rest

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
)

// outcomes are the answers to errors that are values. Their texts are for people
// already; the other ones of package store are not here.
var outcomes = []struct {
	is     error
	status int
	code   string
}{
	{admin.ErrSignedOut, http.StatusUnauthorized, "not_signed_in"},
	{admin.ErrSignInRefused, http.StatusUnauthorized, "sign_in_refused"},
	{admin.ErrSetUpLink, http.StatusForbidden, "set_up_link_invalid"},
	{admin.ErrSetUpDone, http.StatusConflict, "set_up_done"},
	{admin.ErrLastOwner, http.StatusConflict, "last_owner"},
	{admin.ErrBuiltIn, http.StatusConflict, "built_in_role"},
	{admin.ErrKeyReused, http.StatusUnprocessableEntity, "idempotency_key_reused"},
	{admin.ErrCreatedGone, http.StatusConflict, "created_gone"},
	{store.ErrNotFound, http.StatusNotFound, "not_found"},
	{store.ErrNameTaken, http.StatusConflict, "name_taken"},
	{store.ErrSecretTaken, http.StatusConflict, "secret_taken"},
	{store.ErrSubjectTaken, http.StatusConflict, "subject_taken"},
}

// problemOf turns an error into its answer. Technical failures are told without
// detail: that is for the log.
func problemOf(r *http.Request, err error) *ProblemError {
	if p := problemOfType(r, err); p != nil {
		return p
	}
	for _, outcome := range outcomes {
		if errors.Is(err, outcome.is) {
			return problem(outcome.status, outcome.code, sentence(err))
		}
	}
	switch {
	case errors.Is(err, store.ErrConflict) && r.Header.Get("If-Match") != "":
		return problem(http.StatusPreconditionFailed, "version_mismatch", "It was changed in the meantime. Read it again, and make the change to what it is now.")
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusConflict, "conflict", "It was changed in the meantime. Try again.")
	case errors.Is(err, store.ErrBadCursor):
		return problem(http.StatusBadRequest, "invalid_cursor", "The cursor is not the next of the last answer to this query. Begin without one.")
	case errors.Is(err, store.ErrUnreadable):
		return problem(http.StatusInternalServerError, "unreadable_record", "The record can't be understood. Delete it, or mend it in the store.")
	case errors.Is(err, store.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, "store_unavailable", "The store can't be reached. Try again soon.").with("Retry-After", "2")
	default:
		return problem(http.StatusInternalServerError, "failure", "Something failed here. The log of the server says what.")
	}
}

// problemOfType is problemOf for errors that say more than which they are.
func problemOfType(r *http.Request, err error) *ProblemError {
	if p, ok := errors.AsType[*ProblemError](err); ok {
		return p
	}
	if drafts, ok := errors.AsType[admin.DraftErrors](err); ok {
		return draftProblem(drafts)
	}
	if fields, ok := errors.AsType[admin.FieldErrors](err); ok {
		if fields[0].Field == "draft" { // which is no field of an input: what is drafted already is in the way
			return problem(http.StatusConflict, "draft_in_the_way", sentence(errors.New(fields[0].Problem)))
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodDelete: // these have no body
			return problem(http.StatusBadRequest, "invalid_parameter", sentence(fields)).because(fields)
		}
		return problem(http.StatusUnprocessableEntity, "invalid_fields", sentence(fields)).because(fields)
	}
	if e, ok := errors.AsType[*admin.ForbiddenError](err); ok {
		p := problem(http.StatusForbidden, "forbidden", sentence(errors.New(e.Problem)))
		p.Permission = string(e.Right)
		return p
	}
	if e, ok := errors.AsType[*store.UnreadableDraftError](err); ok {
		return problem(http.StatusInternalServerError, "unreadable_record",
			"The draft of token "+e.TokenID+" can't be understood. Discard it with DELETE "+Path+"tokens/"+e.TokenID+"/draft, or mend it in the store.")
	}
	if e, ok := errors.AsType[*admin.ThrottledError](err); ok {
		return problem(http.StatusTooManyRequests, "throttled", sentence(e)).with("Retry-After", seconds(e.RetryAfter))
	}
	if e, ok := errors.AsType[*admin.PlanError](err); ok {
		p := problem(http.StatusConflict, "plan_needed", sentence(e))
		p.Tokens = e.Tokens
		return p
	}
	if e, ok := errors.AsType[*admin.RoleInUseError](err); ok {
		p := problem(http.StatusConflict, "role_in_use", sentence(e))
		p.Accounts = e.Accounts
		return p
	}
	return nil
}

// draftProblem says which drafts keep an API from being updated, and why.
func draftProblem(drafts admin.DraftErrors) *ProblemError {
	p := problem(http.StatusConflict, "drafts_refused", "Nothing was done, since it can't be done with all drafts: see drafts. Change or discard these.")
	for _, d := range drafts {
		one := DraftProblem{TokenID: d.TokenID, Name: d.Name, Detail: admin.Told(sentence(d.Err))}
		if fields, ok := errors.AsType[admin.FieldErrors](d.Err); ok {
			one.Errors = fieldProblems(fields)
		}
		if e, ok := errors.AsType[*admin.ForbiddenError](d.Err); ok {
			one.Detail, one.Permission = admin.Told(sentence(errors.New(e.Problem))), string(e.Right)
		}
		p.Drafts = append(p.Drafts, one)
	}
	return p
}

// sentence makes the text of an error a sentence. One that begins with the name
// of a field goes on doing so.
func sentence(err error) string {
	text := err.Error() + "."
	if _, ok := errors.AsType[admin.FieldErrors](err); ok {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// seconds rounds up, so that whoever waits that long has waited long enough.
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))) }
