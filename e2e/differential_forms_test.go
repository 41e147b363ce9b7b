package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestDifferentialForms looks for a form in which a backend finds another method
// than the one of its request, and the gate does not: forms of a token that may
// only POST, with the field _method in thousands of spellings, and readers of
// forms that apps are written with. The same forms are sent without the gate
// between, to see that the backends do find the field; ordinary ones must pass.
//
//	FORMS_SEED   what the forms are made from (1; others are for long runs, since what a run says must not change by itself)
//	FORMS_COUNT  how many for each backend
func TestDifferentialForms(t *testing.T) {
	seed := uint64(number(t, "FORMS_SEED", 1))
	count := number(t, "FORMS_COUNT", 1000)
	t.Logf("FORMS_SEED=%d FORMS_COUNT=%d", seed, count)

	readers{
		what: "forms", seed: seed, count: count,
		token: "poster", grants: []string{"POST /public/{name}"},
		make:  func(m mutator) sample { return m.form() },
		wrong: func(read string) bool { return strings.ToUpper(strings.Trim(read, " \t\r\n")) != http.MethodPost },
	}.run(t)
}
