package permission

import (
	"fmt"
	"strings"
	"testing"
)

// A grant fixes a bounded number of values: each request may be compared with all of them.
func TestFixesAreBounded(t *testing.T) {
	fixing := func(n int) string {
		var path, fixes strings.Builder
		for i := range n {
			fmt.Fprintf(&path, "/{p%d}", i)
			fmt.Fprintf(&fixes, " p%d=%d", i, i)
		}
		return "GET " + path.String() + fixes.String()
	}
	c := parameterCatalog(t)
	if err := c.CheckGrant(fixing(maxFixes)); err != nil {
		t.Error(err)
	}
	if err := c.CheckGrant(fixing(maxFixes + 1)); err == nil || !strings.Contains(err.Error(), "a grant can fix 8 values, not more") {
		t.Errorf("one more: %v", err)
	}
	if _, err := c.Compile([]string{fixing(maxFixes + 1)}); err == nil {
		t.Error("one more is matched")
	}
}
