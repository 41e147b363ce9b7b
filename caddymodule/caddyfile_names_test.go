package caddymodule

import (
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/permission"
)

// Names that the Caddyfile writes out are what grants fix, in paths and parameters, as
// they were written.
func TestNamesAreAsWritten(t *testing.T) {
	for _, name := range append(caddysNames, "id", "org") {
		braces := "{" + name + "}"
		config, err := adapt(inGate("permission a.b {\n\tGET /x/" + braces + "/*\n\tGET /y?v=" + braces + "\n\tPOST /z json:v=" + braces + "\n}"))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"GET /x/" + braces + "/*", "GET /y?v=" + braces, "POST /z json:v=" + braces} {
			op, err := permission.ParseOperation(text)
			if !strings.Contains(string(config), `"`+text+`"`) || err != nil {
				t.Errorf("%s is not there, or no operation: %v", text, err)
				continue
			}
			c, err := permission.NewCatalog([]permission.Permission{{Name: "a.b", Operations: []permission.Operation{op}}})
			if err == nil {
				err = c.CheckGrant("a.b " + name + "=7")
			}
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}
