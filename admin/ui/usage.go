package ui

import (
	"fmt"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/token"
)

// spans are the numbers of days that a chart can show; the first without a word.
var spans = []int{30, 90}

// usage is what a token did per day.
type usage struct {
	Days             int
	Spans            []int
	Allowed, Refused uint64
	Chart            chart
	Counted          []dayOfUse // days with requests, newest first
	Wanted           wanted
}

// dayOfUse is what a token did on one UTC day.
type dayOfUse struct {
	Day              time.Time
	Allowed, Refused uint64
}

// Label names the day in words.
func (d dayOfUse) Label() string { return d.Day.Format("2 Jan 2006") }

func (u *ui) usageOf(c *call, t *token.Token) (usage, error) {
	days := spans[0]
	for _, span := range spans {
		if c.query("days") == fmt.Sprint(span) {
			days = span
		}
	}
	today := c.now.UTC().Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, 1-days)
	uses, err := u.Service.Usage(c.r.Context(), c.actor, t.ID, first)
	if err != nil {
		return usage{}, err
	}
	all := make([]dayOfUse, days)
	for i := range all {
		all[i].Day = first.AddDate(0, 0, i)
	}
	use := usage{Days: days, Spans: spans}
	if use.Wanted, err = u.wantedOf(c, t, first); err != nil {
		return usage{}, err
	}
	for _, one := range uses {
		i := int(one.Day.Sub(first) / (24 * time.Hour))
		if i < 0 || i >= days {
			continue // by a clock that is ahead of this one
		}
		all[i].Allowed += one.Allowed
		all[i].Refused += one.Refused
		use.Allowed += one.Allowed
		use.Refused += one.Refused
	}
	use.Chart = newChart(all)
	for _, day := range slices.Backward(all) {
		if day.Allowed+day.Refused > 0 {
			use.Counted = append(use.Counted, day)
		}
	}
	return use, nil
}

// chart is a bar for each day: allowed requests, and refused ones upon them. It is
// drawn without a script, as wide as there is room: what is across is in percent.
type chart struct {
	Height int // in pixels, of the bars alone
	Bars   []bar
	Lines  []line
	Labels []dayLabel
}

type bar struct {
	dayOfUse

	Left, Width       string // of the bar
	Field, FieldWidth string // of all that belongs to the day
	AllowedTop        int
	AllowedHeight     int
	RefusedTop        int
	RefusedHeight     int
}

// line is a value across the chart.
type line struct {
	Value uint64
	Top   int
}

// dayLabel names a day below the chart.
type dayLabel struct {
	Text, Left, Anchor string
}

const (
	chartHeight = 160
	// chartHead is the room above the highest line, for what is written on it.
	chartHead = 12
)

func newChart(days []dayOfUse) chart {
	most := uint64(0)
	for _, day := range days {
		most = max(most, day.Allowed+day.Refused)
	}
	top := roundUp(most)
	c := chart{Height: chartHeight, Lines: []line{{top, chartHead}}}
	if top%2 == 0 {
		c.Lines = append(c.Lines, line{top / 2, chartHead + (chartHeight-chartHead)/2})
	}
	c.Lines = append(c.Lines, line{0, chartHeight})
	for i, day := range days {
		c.Bars = append(c.Bars, newBar(day, i, len(days), top))
	}
	for i, anchor := range []string{"start", "middle", "end"} {
		at := i * (len(days) - 1) / 2
		text := days[at].Day.Format("2 Jan")
		if anchor == "end" {
			text = texts.Get("token.use.today")
		}
		c.Labels = append(c.Labels, dayLabel{text, percent(float64(i) / 2), anchor})
	}
	return c
}

func newBar(day dayOfUse, i, n int, top uint64) bar {
	each := 1 / float64(n)
	b := bar{
		dayOfUse: day, Left: percent((float64(i) + 0.15) * each), Width: percent(0.7 * each),
		Field: percent(float64(i) * each), FieldWidth: percent(each),
		AllowedHeight: height(day.Allowed, top), RefusedHeight: height(day.Refused, top),
	}
	b.AllowedTop = chartHeight - b.AllowedHeight
	b.RefusedTop = b.AllowedTop - b.RefusedHeight
	return b
}

// height is at least 3 for what is there at all, so that a single refusal among
// thousands is seen.
func height(n, top uint64) int {
	if n == 0 {
		return 0
	}
	return max(3, int(float64(n)/float64(top)*(chartHeight-chartHead)))
}

func percent(part float64) string { return fmt.Sprintf("%.3f%%", 100*part) }

// roundUp returns the next number that is easy to read: 1, 2, 4, 6 or 10 and their tens.
func roundUp(n uint64) uint64 {
	for unit := uint64(1); ; unit *= 10 {
		for _, factor := range []uint64{1, 2, 4, 6} {
			if n <= factor*unit || unit > 1<<58 {
				return factor * unit
			}
		}
	}
}
