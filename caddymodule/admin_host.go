package caddymodule

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// isOurs reports whether the host of a request is a name of this handler. Else a
// page of any site could have its own name resolve to this server, and its
// scripts would be of the same origin (DNS rebinding). An IP address is no name
// that somebody else could give away.
func (a *Admin) isOurs(host string) bool {
	name := hostName(host)
	if isLoopbackName(name) {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return matchesHost(a.Hosts, name) || matchesHost(a.site.hosts, name)
}

// hostName returns the host of a Host header, in lower case and without a port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
}

func matchesHost(known []string, name string) bool {
	_, parent, below := strings.Cut(name, ".")
	for _, host := range known {
		if host = strings.ToLower(host); host == name || below && host == "*."+parent {
			return true
		}
	}
	return false
}

// isLoopbackName reports whether only programs on this machine come under this name.
func isLoopbackName(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// checkHost refuses what can't be the name of a host.
func checkHost(name string) error {
	bare := strings.TrimPrefix(name, "*.")
	if bare == "" || strings.ContainsAny(bare, "*/:@{} \t") {
		return fmt.Errorf("%q is not a name of a host; write it without scheme, port and path, such as tokens.example.com", name)
	}
	return nil
}
