package ui

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/token"
)

// conflict is what somebody else made of a token while a form of it was filled in.
type conflict struct {
	By      string       // what happened, with the name of who did it
	Taken   []string     // fields that the form has as they are now: it did not change them
	Changes []difference // fields that both changed
}

// difference is a field that is not what somebody typed.
type difference struct {
	Field     string // key of the texts below "field."
	Now, Form string
}

// beginning is what a form of a token began with. The form carries it, so it is
// good for nothing but to tell what was typed from what stood there.
type beginning struct {
	Name, Description, Owner string
	Type                     token.Type
	Grants                   []string
	Expiry                   time.Time
}

func beginningOf(t *token.Token) string {
	text, _ := json.Marshal(beginning{t.Name, t.Description, t.Owner, t.Type, t.Grants, t.Expiry.UTC()}) // it can be
	return string(text)
}

// editConflict shows the form again. What it did not change is as somebody else
// made it; what both changed is shown beside what was typed, which replaces it if
// the form is sent again.
func (u *ui) editConflict(c *call, form tokenForm, id string) error {
	ch, err := u.changeable(c, id)
	if err != nil {
		return err
	}
	now := ch.Token
	permissions, err := u.permissionsOf(c, now.API)
	if err != nil {
		return err
	}
	form = form.withoutSecrets()
	met := form.meet(c.now, &now, offered(permissions))
	met.By = u.lastChange(c, id)
	body, err := u.newEditPage(c, form, &now)
	if err != nil {
		return err
	}
	body.Conflict = &met
	return u.showEdit(c, http.StatusConflict, body, nil)
}

// lastChange says who changed a token last, and when.
func (u *ui) lastChange(c *call, id string) string {
	events, err := u.Service.TokenEvents(c.r.Context(), c.actor, id, admin.Paging{Limit: 1})
	switch {
	case err != nil || len(events.Items) == 0 || events.Items[0].Actor == "":
		return texts.Get("edit.conflict")
	case events.Items[0].Actor == c.actor.Name():
		return texts.Get("edit.conflict.you", relative(c.now, events.Items[0].Time))
	default:
		return texts.Get("edit.conflict.by", events.Items[0].Actor, relative(c.now, events.Items[0].Time))
	}
}

// meet takes over what the form did not change, and tells what both changed. A form
// that doesn't know what it began with changed all.
func (f *tokenForm) meet(moment time.Time, now *token.Token, offered []string) conflict {
	var began beginning
	known := json.Unmarshal([]byte(f.Began), &began) == nil
	f.Version, f.Began = now.Version, beginningOf(now)
	var met conflict
	text := func(field, is, was string, typed *string) {
		switch {
		case is == *typed || known && is == was:
		case known && *typed == was:
			met.Taken = append(met.Taken, label(field))
			*typed = is
		default:
			met.add(field, is, *typed)
		}
	}
	text("name", now.Name, began.Name, &f.Name)
	text("description", now.Description, began.Description, &f.Description)
	f.meetGrants(&met, now, &began, known, offered)
	if f.Duration != keepDuration && (!known || !now.Expiry.Equal(began.Expiry)) {
		met.add("expiry", expiryText(moment, now), f.durationText())
	}
	text("owner", now.Owner, began.Owner, &f.Owner)
	return met
}

// meetGrants takes over the type with its grants, or neither.
func (f *tokenForm) meetGrants(met *conflict, now *token.Token, began *beginning, known bool, offered []string) {
	is, was, typed := sortedLines(now.Grants), sortedLines(began.Grants), sortedLines(f.grants())
	switch {
	case known && now.Type == began.Type && is == was:
	case known && f.Type == began.Type && typed == was:
		if now.Type != began.Type {
			met.Taken = append(met.Taken, label("type"))
		}
		if is != was {
			met.Taken = append(met.Taken, label("grants"))
		}
		fresh := tokenFormOf(now, offered)
		f.Type, f.Ticked, f.Kept, f.Written = fresh.Type, fresh.Ticked, nil, fresh.Written
	default:
		met.add("type", typeText(now.Type), typeText(f.Type))
		met.add("grants", is, typed)
	}
}

// add tells of a field that both changed, unless to the same.
func (met *conflict) add(field, is, typed string) {
	if is != typed {
		met.Changes = append(met.Changes, difference{field, orEmpty(is), orEmpty(typed)})
	}
}

func expiryText(now time.Time, t *token.Token) string {
	if t.Expiry.IsZero() {
		return texts.Get("edit.duration.unlimited")
	}
	return newSpan(now, t.Expiry).Exact
}

func (f *tokenForm) durationText() string {
	if f.Duration == dateDuration {
		return orEmpty(f.Date)
	}
	return texts.Get("edit.duration." + f.Duration)
}

func orEmpty(text string) string {
	if text == "" {
		return texts.Get("edit.conflict.empty")
	}
	return text
}

func typeText(kind token.Type) string { return texts.Get("type." + string(kind)) }

func sortedLines(grants []string) string {
	return strings.Join(slices.Sorted(slices.Values(grants)), "\n")
}
