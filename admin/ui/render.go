package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/store"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates by name: each is the file of that name, which defines
// "content", with the layout and the parts that several pages share.
var pages = parsePages()

func parsePages() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/shared/*.html"))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // they are in this program
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		all[strings.TrimSuffix(path.Base(name), ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, name))
	}
	return all
}

var functions = template.FuncMap{
	"t":      texts.Get,
	"tn":     texts.Count[int],
	"asset":  func(name string) string { return assetsPath + name },
	"ago":    func(now time.Time, t any) span { return newSpan(now, t) },
	"dict":   dict,
	"label":  label,
	"whole":  isSentence,
	"number": texts.Number[uint64],

	"accountPath": accountPath,
	"rolePath":    rolePath,
	"afterPath":   afterPath,
	"draftsPath":  draftsPath,
	"bounded":     bounded,
	"capital":     capital,
	"prefix":      func(prefix, s string) string { return prefix + s },
}

// label is what people call a field of a form, or of a record.
func label(field string) string {
	if texts.Has("field." + field) {
		return texts.Get("field." + field)
	}
	return field
}

// isSentence reports whether what is wrong needs no name of the field before it.
func isSentence(problem string) bool { return strings.HasSuffix(problem, ".") }

// dict makes a map of pairs, for templates that take several values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict takes pairs")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is not a name", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// page is what a template gets: Body is its own, the rest is for the layout.
type page struct {
	Title  string // key of the texts
	Name   string // of what the page is about, before the title; may be empty
	Here   string // path of the entry of the menu
	Notice string // key of the texts; what was done just now
	Body   any
	Errors admin.FieldErrors // of a form, told at its top and beside its fields
	// Holds says of notices about a state whether it is so: the address with one may
	// be opened again later. All others tell what was done.
	Holds map[string]bool

	Actor *admin.Actor // nil if nobody is signed in
	Menu  []entry
	Now   time.Time
	Part  bool   // only a part of the page is asked for
	Fresh bool   // the browser is to ask again at once, see askToSignIn
	Next  string // where the browser is to go at once
}

type entry struct {
	Path, Title string
	Here        bool
}

// May reports whether whoever looks has a right for anything at all. It is for
// showing and hiding; the service asks again.
func (p *page) May(right string) bool {
	return p.Actor != nil && p.Actor.Scope(admin.Right(right)) != store.None
}

// MayAll reports whether whoever looks has a right for everybody's.
func (p *page) MayAll(right string) bool {
	return p.Actor != nil && p.Actor.Scope(admin.Right(right)) == store.All
}

// Problem returns what is wrong with a field of the form, or "".
func (p *page) Problem(field string) string {
	for _, e := range p.Errors {
		if e.Field == field {
			return capital(e.Problem)
		}
	}
	return ""
}

// Problems returns all that is wrong with a field of the form.
func (p *page) Problems(field string) []string {
	var all []string
	for _, e := range p.Errors {
		if e.Field == field {
			all = append(all, capital(e.Problem))
		}
	}
	return all
}

// menu is the pages that stand at the top of all, with the right that shows them.
// all is set where a right for one's own is not enough.
var menu = []struct {
	path, title, right string
	all                bool
}{
	{"/tokens", "menu.tokens", "token.read", false},
	{"/try", "menu.try", "token.explain", false},
	{"/apis", "menu.apis", "api.read", false},
	{"/accounts", "menu.accounts", "account.read", true},
	{"/roles", "menu.roles", "role.read", true},
	{"/audit", "menu.audit", "audit.read", true},
}

// entries are those of the menu that are of use to whoever looks.
func (p *page) entries() []entry {
	var some []entry
	for _, e := range menu {
		if p.MayAll(e.right) || !e.all && p.May(e.right) {
			some = append(some, entry{e.path, e.title, e.path == p.Here})
		}
	}
	return some
}

// show answers a page.
func (u *ui) show(c *call, status int, name string, p page) error {
	return u.showPart(c, status, name, "layout", p)
}

// showPart answers a part of a page, for scripts that put it in the place of what is there.
func (u *ui) showPart(c *call, status int, name, part string, p page) error {
	p.Now = c.now
	if c.actor.Account != nil {
		p.Actor = &c.actor
		p.Menu = p.entries()
	}
	if notice := c.query("notice"); p.Notice == "" && texts.Has("notice."+notice) {
		if holds, isState := p.Holds[notice]; holds || !isState {
			p.Notice = "notice." + notice
		}
	}
	var text bytes.Buffer // a page that breaks off would be half of one
	if err := pages[name].ExecuteTemplate(&text, part, &p); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = text.WriteTo(c.w) // who went away misses nothing
	}
	return nil
}
