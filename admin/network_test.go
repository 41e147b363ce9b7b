package admin_test

import (
	"testing"

	"github.com/tokenreeve/tokenreeve/admin"
)

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8::ffff:0:0:1": "2001:db8::/64",
		"2001:db8:0:1::1": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64", "": "unknown", "@": "unknown",
	} {
		if got := admin.Network(address); got != want {
			t.Errorf("%q is of %q, want %q", address, got, want)
		}
	}
}
