package ui

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/token"
)

// tokenForm is what somebody typed about a token, right or wrong.
type tokenForm struct {
	API, Name, Description, Owner string
	Type                          token.Type
	Duration                      string   // one of durations, or keep, or date
	Date, Until                   string   // the day, and the end of that day where the reader is (by a script)
	Ticked                        []string // grants by check boxes
	Kept                          []string // ticked before, of an API that is not shown now
	Written                       string   // grants in lines
	Asked                         string   // of these, the one that a link chose

	Nonce   string // of a new token: the form makes one, however often it is sent
	Version int64  // of a present token: that the edit began with
	Began   string // what it was then, see beginning
}

// What durations can be chosen beside a date.
const (
	keepDuration = "keep" // as it is
	dateDuration = "date"
	usualTime    = "30d"
)

var durations = []string{"7d", usualTime, "90d", "unlimited"}

// newForm is the form as it begins.
func (u *ui) newForm(c *call) tokenForm {
	return tokenForm{API: c.query("api"), Owner: c.actor.Name(), Type: token.Custom, Duration: usualTime, Nonce: rand.Text()}
}

// tokenFormOf is the form that shows a token as it is.
func tokenFormOf(t *token.Token, offered []string) tokenForm {
	f := tokenForm{
		API: t.API, Name: t.Name, Description: t.Description, Owner: t.Owner, Type: t.Type, Duration: keepDuration,
		Version: t.Version, Began: beginningOf(t),
	}
	var lines []string
	for _, grant := range t.Grants {
		if slices.Contains(offered, grant) {
			f.Ticked = append(f.Ticked, grant)
		} else {
			lines = append(lines, grant)
		}
	}
	f.Written = strings.Join(lines, "\n")
	return f
}

// describing is the form of who is asked for no more than name and description: the
// rest is as the token has it.
func (f tokenForm) describing(t *token.Token) tokenForm {
	kept := tokenFormOf(t, nil)
	kept.Name, kept.Description, kept.Version, kept.Began = f.Name, f.Description, f.Version, f.Began
	return kept
}

// withoutSecrets is the form to be shown again: a text with a secret in it is not.
func (f tokenForm) withoutSecrets() tokenForm {
	for _, text := range []*string{&f.Name, &f.Description} {
		if admin.ContainsSecret(*text) {
			*text = ""
		}
	}
	return f
}

// asking is the form with one more grant, for links such as those of refusals. The
// page says so: whoever sends the form grants it.
func (f tokenForm) asking(grant string, offered []string) tokenForm {
	switch {
	case grant == "" || f.Type != token.Custom || slices.Contains(f.grants(), grant):
		return f
	case slices.Contains(offered, grant):
		f.Ticked = append(f.Ticked, grant)
	default:
		f.Written = strings.TrimPrefix(f.Written+"\n"+grant, "\n")
	}
	f.Asked = grant
	return f
}

// typed is the form as it was sent.
func (c *call) typed() tokenForm {
	nonce := c.value("nonce")
	if len(nonce) > 100 || !admin.IsKey(nonce) {
		nonce = rand.Text() // the form has none of ours
	}
	return tokenForm{
		API: c.value("api"), Name: c.value("name"), Description: lines(c.value("description")), Owner: c.value("owner"),
		Type: token.Type(c.value("type")), Duration: c.value("duration"), Date: c.value("date"), Until: c.value("until"),
		Ticked: distinct(c.r.PostForm["grant"]), Kept: distinct(c.r.PostForm["kept"]), Written: lines(c.value("written")),
		Nonce: nonce, Began: c.value("began"),
	}
}

// check refuses more than any token can have before anything is done with it: all
// of it would be looked at many times.
func (f *tokenForm) check() error {
	written := len(f.writtenGrants())
	switch {
	case written > token.MaxGrants:
		return admin.FieldErrors{{Field: "written", Problem: texts.Get("edit.many", written, token.MaxGrants)}}
	case len(f.Ticked)+len(f.Kept) > 2*token.MaxGrants:
		return errForm
	}
	return nil
}

// lines ends lines as everybody but forms does.
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// grants are those that are ticked or written, each once.
func (f *tokenForm) grants() []string {
	if f.Type != token.Custom {
		return nil
	}
	return distinct(append(slices.Clip(f.Ticked), f.writtenGrants()...))
}

// writtenGrants are the lines that are not empty.
func (f *tokenForm) writtenGrants() []string {
	var grants []string
	for line := range strings.SplitSeq(f.Written, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			grants = append(grants, line)
		}
	}
	return grants
}

// duration is what the service is to read; "" if the date is none.
func (f *tokenForm) duration() string {
	if f.Duration != dateDuration {
		return f.Duration
	}
	day, err := time.Parse(time.DateOnly, f.Date)
	if err != nil {
		return ""
	}
	// The script says when the day ends where the reader is: at most so far from UTC.
	const farthest = 15 * time.Hour
	end := day.AddDate(0, 0, 1)
	if until, err := time.Parse(time.RFC3339, f.Until); err == nil && until.Sub(end).Abs() <= farthest {
		return until.UTC().Format(time.RFC3339)
	}
	return f.Date
}

func (f *tokenForm) newToken() admin.NewToken {
	return admin.NewToken{
		API: f.API, Name: f.Name, Description: f.Description, Type: f.Type, Duration: f.duration(), Grants: f.grants(), Owner: f.Owner,
	}
}

// idempotency tells this form, sent once more, from one with other values.
func (f *tokenForm) idempotency() (admin.Idempotency, error) {
	text, err := json.Marshal(f.newToken())
	return admin.Idempotency{Key: "page:" + f.Nonce, Request: token.Hash(string(text))}, err
}

func (f *tokenForm) edit() admin.Edit {
	e := admin.Edit{Version: f.Version, Name: &f.Name, Description: &f.Description, Type: &f.Type, Owner: &f.Owner}
	if f.Duration != keepDuration {
		duration := f.duration()
		e.Duration = &duration
	}
	if f.Type == token.Custom {
		grants := f.grants()
		e.Grants = &grants
	}
	return e
}
