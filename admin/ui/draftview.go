package ui

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/token"
)

// draftView is a draft as its page shows it.
type draftView struct {
	admin.DraftRecord

	Was, Is bool // there is a token before, or after
	Fields  []change
	Secret  string // what becomes of secrets, in words; empty if there is nothing to say
	Answers []answer
	Rest    []answer // by permission, if there are too many to be read at once
	Refusal string   // why it can't be put in force
	MayEdit bool
}

// mostAnswers is how many sentences about one draft are read at once.
const mostAnswers = 4

func newDraftView(c *call, d *admin.DraftRecord) draftView {
	v := draftView{DraftRecord: *d, Was: d.Before != nil, Is: d.After != nil, Secret: secretWords(d)}
	v.Fields = slices.DeleteFunc(changedFields(d.Before, d.After), func(f change) bool {
		switch f.Field {
		case "api", "name": // stand in its heading, unless the name is what changes
			return !v.Was || !v.Is
		case "hint": // has words of its own
			return v.Is
		}
		return false
	})
	if d.Drafted != nil {
		t := tokenOf(d.Drafted)
		v.MayEdit = c.actor.May(admin.TokenUpdate, &t)
	}
	if v.Answers = answersOf(&d.Answers); len(v.Answers) > mostAnswers {
		v.Rest = v.Answers
		sums := draftSums{d.Answers.Refused, d.Answers.Allowed, d.Answers.Unsure, d.Answers.OldSecret}
		v.Answers = sums.Sentences()
	}
	return v
}

// secretWords says when a drafted secret works, and the old ones no longer.
func secretWords(d *admin.DraftRecord) string {
	switch {
	case d.Kind == token.DraftCreate:
		return texts.Get("drafts.secret.new")
	case d.NewSecret == "":
		return ""
	case d.Overlap == 0:
		return texts.Get("drafts.secret.at-once")
	default:
		return texts.Get("drafts.secret.overlap", length(time.Duration(d.Overlap)*time.Second))
	}
}

// Hint is that of the new secret.
func (d draftView) Hint() string {
	if d.Kind == token.DraftCreate {
		return d.Drafted.Hint
	}
	return d.NewSecret
}

// length says how long something lasts, in the unit that it is a whole number of.
func length(d time.Duration) string {
	for _, unit := range slices.Backward(units) {
		if unit.key != "month" && d >= unit.size && d%unit.size == 0 {
			return texts.Count("length."+unit.key, int(d/unit.size))
		}
	}
	return texts.Count("length.second", int(d/time.Second))
}

// answer is a sentence about requests that would be answered otherwise.
type answer struct {
	Before, Permission, After string
	Bad                       bool // a program would no longer get what it got
}

func newAnswer(key string, n uint64, permission string) answer {
	before, after, _ := strings.Cut(texts.Count(key, n), "%s")
	return answer{before, permission, after, strings.HasSuffix(key, "refused") || strings.HasSuffix(key, "old")}
}

// answersOf says for each permission what would be answered otherwise, refusals first.
func answersOf(a *admin.Answers) []answer {
	var refused, allowed, unsure []answer
	left := *a // what counts for no permission
	for _, p := range a.Permissions {
		if p.Permission == "" {
			continue
		}
		left.Refused, left.Allowed, left.Unsure = left.Refused-p.Refused, left.Allowed-p.Allowed, left.Unsure-p.Unsure
		refused = appendAnswer(refused, "drafts.refused", p.Refused, p.Permission)
		allowed = appendAnswer(allowed, "drafts.allowed", p.Allowed, p.Permission)
		unsure = appendAnswer(unsure, "drafts.unsure", p.Unsure, p.Permission)
	}
	refused = appendAnswer(refused, "drafts.nameless.refused", left.Refused, "")
	allowed = appendAnswer(allowed, "drafts.nameless.allowed", left.Allowed, "")
	unsure = appendAnswer(unsure, "drafts.nameless.unsure", left.Unsure, "")
	old := appendAnswer(nil, "drafts.old", a.OldSecret, "")
	return slices.Concat(refused, old, allowed, unsure)
}

func appendAnswer(answers []answer, key string, n uint64, permission string) []answer {
	if n == 0 {
		return answers
	}
	return append(answers, newAnswer(key, n, permission))
}

// draftSums are how many requests would be answered otherwise with all drafts.
type draftSums struct{ Refused, Allowed, Unsure, Old uint64 }

func sumsOf(drafts []admin.DraftRecord) (s draftSums) {
	for i := range drafts {
		a := &drafts[i].Answers
		s.Refused, s.Allowed, s.Unsure, s.Old = s.Refused+a.Refused, s.Allowed+a.Allowed, s.Unsure+a.Unsure, s.Old+a.OldSecret
	}
	return s
}

// Sentences are the sums in words; none if nothing would be answered otherwise.
func (s draftSums) Sentences() []answer {
	var all []answer
	all = appendAnswer(all, "drafts.sum.refused", s.Refused, "")
	all = appendAnswer(all, "drafts.old", s.Old, "")
	all = appendAnswer(all, "drafts.sum.allowed", s.Allowed, "")
	return appendAnswer(all, "drafts.sum.unsure", s.Unsure, "")
}

// kindsOf says how many drafts there are of each kind.
func kindsOf(drafts []draftView) string {
	count := map[token.Draft]int{}
	for i := range drafts {
		count[drafts[i].Kind]++
	}
	var words []string
	for _, kind := range []token.Draft{token.DraftCreate, token.DraftUpdate, token.DraftDelete} {
		if count[kind] > 0 {
			words = append(words, texts.Count("drafts.count."+string(kind), count[kind]))
		}
	}
	return strings.Join(words, ", ")
}

// Kinds says how many drafts there are of each kind.
func (p *draftsPage) Kinds() string { return kindsOf(p.Drafts) }

// Kinds says how many drafts there are of each kind.
func (c *confirmation) Kinds() string { return kindsOf(c.Drafts) }

// refusalText says why a draft can't be put in force, as a sentence.
func refusalText(refusal *admin.DraftError) string {
	problems, ok := errors.AsType[admin.FieldErrors](refusal.Err)
	if !ok {
		if forbidden, is := errors.AsType[*admin.ForbiddenError](refusal.Err); is {
			return forbidden.Problem + "."
		}
		return refusal.Err.Error() + "."
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = strings.TrimSuffix(p.Problem, ".")
		if !isSentence(p.Problem) {
			lines[i] = label(p.Field) + ": " + lines[i]
		}
	}
	return strings.Join(lines, "; ") + "."
}
