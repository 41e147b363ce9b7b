package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/tokenreeve/tokenreeve/token"
)

// printJSON writes v for scripts: indented, and without escapes for HTML.
func (s *session) printJSON(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// printRows writes what each label stands for.
func printRows(w io.Writer, rows [][2]string) {
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
}

// printRecord writes all about one thing.
func (s *session) printRecord(rows [][2]string) error {
	table := newTable(s.out)
	printRows(table, rows)
	return table.Flush()
}

// report says what was done to a token.
func (s *session) report(t *token.Token, done string) error {
	if s.json {
		return s.printJSON(s.service.Record(t))
	}
	if t.Draft != "" && done != disabledNow {
		done = "drafted" // it doesn't hold yet
	}
	_, err := fmt.Fprintf(s.out, "%s: token %s (%s)\n", done, describe(t), t.ID)
	s.noteDraft(t)
	return err
}

// describe names a token in a sentence.
func describe(t *token.Token) string { return fmt.Sprintf("%q of API %s", t.Name, printable(t.API)) }

// printable returns s as it is if a terminal shows it as plain text on one line,
// and quoted otherwise. Names are checked, but records may come from elsewhere.
func printable(s string) string {
	if escapeControl(s) != s {
		return strconv.Quote(s)
	}
	return s
}

// escapeControl writes what a terminal could act on, or hide, as an escape.
func escapeControl(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, string(unicode.ReplacementChar)) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

func momentOr(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return moment(t)
}

// orDash stands in for an empty cell, so that columns can be counted.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// momentIf is momentOr for records.
func momentIf(t *time.Time, never string) string {
	if t == nil {
		return never
	}
	return moment(*t)
}
