package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/token"
)

func TestTold(t *testing.T) {
	f := newFixture(t)
	_, secret := f.create(t, nil)
	trv, trs := secret.Reveal(), admin.SessionPrefix+strings.Repeat("0a", 32)
	const told = "(that is a secret, and not repeated)"
	long := strings.Repeat("é", 10_000)
	for text, want := range map[string]string{
		`"ci" is not a type`:                              `"ci" is not a type`,
		fmt.Sprintf("%q is not a type", trv):              told + " is not a type",
		fmt.Sprintf("%q is not a type", trv[:len(trv)-3]): told + " is not a type",
		fmt.Sprintf("no %q; use %q", "GET /?t="+trs, "a"): "no " + told + `; use "a"`,
		"token " + trv + ": not found":                    "token " + told + ": not found",
		fmt.Sprintf("%q is long, and %q", long, "a\"b\n"): fmt.Sprintf("%q is long, and %q", long[:2*200]+"…", "a\"b\n"),
		"the hint " + secret.Hint():                       "the hint " + secret.Hint(),
	} {
		if got := admin.Told(text); got != want || admin.Told(got) != want {
			t.Errorf("got %.300s; want %.300s", got, want)
		}
	}
	for name, change := range map[string]func(*admin.NewToken, string){
		"api":      func(d *admin.NewToken, s string) { d.API = s },
		"type":     func(d *admin.NewToken, s string) { d.Type = token.Type(s) },
		"duration": func(d *admin.NewToken, s string) { d.Duration = s },
		"owner":    func(d *admin.NewToken, s string) { d.Owner = s },
		"name":     func(d *admin.NewToken, s string) { d.Name = s },
		"grants":   func(d *admin.NewToken, s string) { d.Grants = []string{s} },
	} {
		for _, value := range []string{trv, trs, strings.Repeat("x", 10_000)} {
			_, _, err := f.Create(t.Context(), operator, newToken(func(d *admin.NewToken) { change(d, value) }))
			if !strings.Contains(problems(t, err), name) || strings.Contains(err.Error(), value) || len(err.Error()) > 1000 {
				t.Errorf("%s: got %.300v", name, err)
			}
		}
	}
}
