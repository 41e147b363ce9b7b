package ui

import (
	"net"
	"net/url"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
)

// firstGate returns the lines of a Caddyfile that protect a first API: under a name
// next to that of these pages, or together with them, instead of their block.
func (u *ui) firstGate(c *call) (lines []string, instead bool) {
	place := u.Place(admin.ManagementAPI)
	address, _ := u.address(c, &place)
	gate := []string{
		"api_tokens articles {",
		"\tresource article /api/articles",
		"}",
		"reverse_proxy localhost:3000",
	}
	if name := neighbour(address); name != "" {
		return block(name, gate), false
	}
	return block(place.Address, append(block("handle /api/*", gate), block("handle", []string{"api_tokens_admin"})...)), true
}

// neighbour returns the name of an API beside pages that have one of their own, or "".
func neighbour(address string) string {
	at, err := url.Parse(address)
	if err != nil || net.ParseIP(at.Hostname()) != nil {
		return ""
	}
	_, parent, ok := strings.Cut(at.Hostname(), ".")
	if !ok || !strings.Contains(parent, ".") || at.Port() != "" {
		return ""
	}
	name := "api." + parent
	if at.Scheme == "http" {
		name = "http://" + name
	}
	return name
}

func block(head string, lines []string) []string {
	all := []string{head + " {"}
	for _, line := range lines {
		all = append(all, "\t"+line)
	}
	return append(all, "}")
}
