package caddymodule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

// takeOverReport is the outcome for scripts.
type takeOverReport struct {
	Applied  bool             `json:"applied"`
	Tokens   []takeOverRow    `json:"tokens"`
	Unmapped []admin.Unmapped `json:"unmapped"`
}

type takeOverRow struct {
	Where    string       `json:"where"`
	Outcome  string       `json:"outcome"`
	Problems []string     `json:"problems"`
	Differs  []string     `json:"differences"`
	Token    admin.Record `json:"token"`
}

// The outcomes of a token.
const (
	outcomeNew     = "new"
	outcomeThere   = "there"
	outcomeDiffers = "differs" // it is there, and not as it is in the other system
	outcomeGone    = "gone"
	outcomeProblem = "problem"
)

// takeAllOver takes the tokens over, or tries it, and tells what came of it.
func (s *session) takeAllOver(list []admin.Foreign, lost []admin.Unmapped) error {
	list, lost, err := s.takeOver.choose(list, lost)
	if err != nil {
		return err
	}
	outcome, err := s.service.TakeOver(s.cmd.Context(), s.actor, list, s.takeOver.apply)
	if err != nil {
		return err
	}
	r := takeOverReport{Tokens: []takeOverRow{}, Unmapped: append([]admin.Unmapped{}, lost...)}
	counts := map[string]int{}
	for i := range outcome {
		row := s.takeOverRow(&outcome[i])
		counts[row.Outcome]++
		r.Tokens = append(r.Tokens, row)
	}
	r.Applied = s.takeOver.apply && counts[outcomeProblem] == 0
	if err := s.printTakeOver(&r); err != nil {
		return err
	}
	if n := counts[outcomeProblem]; n > 0 {
		return fmt.Errorf("%d of %d tokens can't be taken over, so nothing was imported; leave one out by --skip 'name', or call it otherwise here by --rename 'name=new name'",
			n, len(outcome))
	}
	if !s.json {
		fmt.Fprintln(s.notes, summary(counts, r.Applied))
		if r.Applied && slices.ContainsFunc(outcome, func(o admin.TakenOver) bool { return o.Token.Draft == token.DraftCreate }) {
			fmt.Fprintf(s.notes, "They are drafts, which hold with: caddy api-tokens drafts update --api %s\n", printable(s.api))
		}
	}
	s.hintAtSalt(list)
	return nil
}

func (s *session) takeOverRow(o *admin.TakenOver) takeOverRow {
	row := takeOverRow{Where: o.Where, Outcome: outcomeNew, Problems: []string{}, Differs: append([]string{}, o.Differs...), Token: s.service.Record(&o.Token)}
	switch {
	case len(o.Problems) > 0:
		row.Outcome = outcomeProblem
	case o.Gone:
		row.Outcome = outcomeGone
	case len(o.Differs) > 0:
		row.Outcome = outcomeDiffers
	case o.There:
		row.Outcome = outcomeThere
	}
	for _, problem := range o.Problems {
		row.Problems = append(row.Problems, problem.Error())
	}
	return row
}

func summary(counts map[string]int, applied bool) string {
	text := "%d would be imported, %d are here already"
	if applied {
		text = "%d imported, %d were here already"
	}
	text = fmt.Sprintf(text, counts[outcomeNew], counts[outcomeThere]+counts[outcomeDiffers])
	if n := counts[outcomeDiffers]; n > 0 {
		text += fmt.Sprintf(" (%d not as there)", n)
	}
	if n := counts[outcomeGone]; n > 0 {
		text += fmt.Sprintf(", %d left out as gone", n)
	}
	if applied {
		return text + "."
	}
	return text + ". Nothing was changed; add --apply to do it."
}

func (s *session) printTakeOver(r *takeOverReport) error {
	if s.json {
		return s.printJSON(r)
	}
	table := newTable(s.out)
	fmt.Fprintln(table, "OUTCOME\tNAME\tTYPE\tEXPIRES\tGRANTS")
	for _, row := range r.Tokens {
		t := &row.Token
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", row.Outcome, orDash(t.Name), orDash(string(t.Type)), momentIf(t.Expiry, "never"), orDash(strings.Join(t.Grants, ", ")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, row := range r.Tokens {
		for _, problem := range row.Problems {
			fmt.Fprintf(s.notes, "%s: %s\n", printable(row.Where), escapeControl(problem))
		}
		switch row.Outcome {
		case outcomeDiffers:
			fmt.Fprintf(s.notes, "%s: stays as it is here, though: %s\n", printable(row.Where), escapeControl(strings.Join(row.Differs, "; ")))
		case outcomeGone:
			fmt.Fprintf(s.notes, "%s: was deleted here or got a new secret, so it is left out; delete it there too, or bring its old secret back by --again 'name'\n",
				printable(row.Where))
		}
	}
	for _, lost := range r.Unmapped {
		fmt.Fprintf(s.notes, "not mapped: token %q: %s\n", lost.Name, escapeControl(lost.Problem))
	}
	return nil
}
