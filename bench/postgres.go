//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The rows about gateways on Postgres.
const (
	postgresStart  = "postgres-start"
	postgresCold   = "postgres-cold"
	postgresMemory = "postgres-memory"
	postgresUse    = "postgres-use"
	postgresNear   = "postgres-near"
	postgresFar    = "postgres-far"
	postgresBurst  = "postgres-burst"
)

// postgresRows are in the order in which they are measured.
var postgresRows = []struct {
	key, what string
	measure   func(*bench, context.Context, *database, *postgresReport) error
}{
	{postgresStart, "Postgres: how long a gateway takes to start, with many tokens and with few", (*bench).measureStart},
	{postgresCold, "Postgres: requests with tokens that are not in memory", (*bench).measureCold},
	{postgresMemory, "Postgres: what tokens in memory take there", (*bench).measureMemory},
	{postgresUse, "Postgres: what it sees of many tokens in use", (*bench).measureUse},
	{postgresNear, "Postgres: a known token against one with SQLite", (*bench).measureNear},
	{postgresFar, "Postgres: a known token with Postgres 5 ms away", (*bench).measureFar},
	{postgresBurst, "Postgres: many requests at once with one token that is not in memory", (*bench).measureBurst},
}

func (b *bench) wantsPostgres() bool {
	for _, row := range postgresRows {
		if b.opts.only.MatchString(row.key) {
			return true
		}
	}
	return false
}

// measurePostgres measures the rows that the flags ask for, against a server of
// its own.
func (b *bench) measurePostgres(ctx context.Context) (r *postgresReport, err error) {
	d, err := b.newDatabase(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	r = &postgresReport{about: describeMachine(b.opts) + d.about}
	for _, row := range postgresRows {
		if !b.opts.only.MatchString(row.key) {
			continue
		}
		b.progress("%s\n", row.key)
		if err := row.measure(b, ctx, d, r); err != nil {
			return nil, fmt.Errorf("%s: %w", row.key, err)
		}
	}
	r.others, b.others = spreadOf(b.others), nil // the rest is of other rows
	return r, nil
}

// postgresReport is what was measured with Postgres.
type postgresReport struct {
	about  string
	rows   []postgresRow
	pairs  []outcome
	others spread
}

// postgresRow is a line of the report: something by itself, or two things and
// their ratio.
type postgresRow struct{ what, a, b, ratio string }

func (r *postgresReport) single(what, format string, args ...any) {
	r.rows = append(r.rows, postgresRow{what, fmt.Sprintf(format, args...), "–", "–"})
}

// compare adds two numbers that were measured once.
func (r *postgresReport) compare(what, unit, nameA string, a float64, nameB string, b float64) {
	ratio := "–"
	if a > 0 {
		ratio = fmt.Sprintf("%.3f", b/a)
	}
	r.rows = append(r.rows, postgresRow{
		what, fmt.Sprintf("%s: %s %s", nameA, number(a), unit), fmt.Sprintf("%s: %s %s", nameB, number(b), unit), ratio,
	})
}

// number writes three digits, or all of those before the point.
func number(n float64) string {
	if n >= 1000 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3g", n)
}

func (r *postgresReport) markdown() string {
	var t strings.Builder
	t.WriteString(r.about)
	if len(r.rows) > 0 {
		t.WriteString("\n| what | A | B | B/A |\n|---|---|---|---|\n")
	}
	for _, row := range r.rows {
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", row.what, strings.TrimSpace(row.a), strings.TrimSpace(row.b), row.ratio)
	}
	if len(r.pairs) > 0 {
		t.WriteString("\nTwo gateways at the same time; medians over all windows, ratios with quartiles as above.\n")
		fmt.Fprintf(&t, "Other processes, of which Postgres is one, used %.1f %% of the machine meanwhile (quartiles %.1f and %.1f %%).\n",
			100*r.others.median, 100*r.others.low, 100*r.others.high)
		t.WriteString("\n| what | A | B | ratio | target | verdict |\n|---|---|---|---|---|---|\n")
	}
	for _, o := range r.pairs {
		o.rows(&t)
		o.delayRows(&t)
	}
	return t.String()
}

// side is a gateway on one of the stores.
func (d *database) side(name, dsn, words string, secrets []string) side {
	s := gateSide(name, "", articleRequest("", bearer, secrets...))
	s.dsn, s.words = dsn, words
	return s
}

// fresh returns secrets that no request has had yet.
func (d *database) fresh(n int) ([]string, error) {
	if d.used+n > len(d.secrets) {
		return nil, fmt.Errorf("all %d tokens have been in use; take more with -stored", len(d.secrets))
	}
	d.used += n
	return slices.Clone(d.secrets[d.used-n : d.used]), nil
}

// share is a part of the tokens, or as many as would do.
func (d *database) share(part, most int) int { return min(len(d.secrets)/part, most) }

// drive sends n requests with the secrets in turn. All of it is one window, which
// ends with them rather than at a time: a busy machine may take long to start. If they
// can't be sent at the rate, it ends after twice the time that they should take. A machine
// can also be too slow for a look-up, so what is answered 503 is repeated and counted.
func (b *bench) drive(ctx context.Context, l *lane, secrets []string, n int, rate float64) (measured, error) {
	atMost := 10 * time.Minute
	if rate > 0 {
		atMost = 10*time.Second + time.Duration(2*float64(n)/rate*float64(time.Second))
	}
	from := time.Now()
	spec := b.loadSpec(l, []window{{From: from, To: from.Add(atMost)}})
	spec.Secrets, spec.Limit, spec.Rate, spec.Patient = secrets, int64(n), rate, true
	_, wait, err := b.startLoad(ctx, -1, spec)
	if err != nil {
		return measured{}, err
	}
	result, err := wait()
	if err != nil {
		return measured{}, err
	}
	if len(result.Windows) != 1 || result.Windows[0].Requests == 0 {
		return measured{}, errors.New("nothing was measured")
	}
	result.Windows[0].Repeated = result.Repeated
	return result.Windows[0], nil
}
