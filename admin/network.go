package admin

import "net/netip"

// Network returns what is counted as one: an IPv4 address, or the /64 of an IPv6
// address, which is what one household or machine has at least. What is no
// address is one network, all together.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}
