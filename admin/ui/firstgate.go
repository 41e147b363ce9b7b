package ui

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
)

// firstGate returns the lines of a Caddyfile that protect a first API: never in the
// block of these pages, or its backend could serve pages that act as whoever is signed in here.
func (u *ui) firstGate(c *call) []string {
	place := u.Place(admin.ManagementAPI)
	address, known := u.address(c, &place)
	gate := []string{
		"api_tokens articles {",
		"\tresource article /api/articles",
		"}",
		"reverse_proxy localhost:3000",
	}
	at, err := url.Parse(address)
	if err != nil || !known {
		return block("api.example.com", gate)
	}
	if name := neighbour(at.Hostname()); name != "" && at.Port() == "" {
		return block(strings.TrimPrefix(at.Scheme+"://"+name, "https://"), gate)
	}
	at.Host = joinHostPort(at.Hostname(), otherPort(at))
	return append([]string{
		"# Another port than that of the token pages: else pages of the API's backend",
		"# could do all that whoever is signed in there may do.",
	}, block(at.String(), gate)...)
}

// neighbour returns the name of an API beside that of the pages, or "" if they have none
// that others could stand beside.
func neighbour(host string) string {
	first, parent, ok := strings.Cut(host, ".")
	switch {
	case !ok, net.ParseIP(host) != nil, strings.HasSuffix(host, ".localhost"):
		return ""
	case !strings.Contains(parent, "."):
		return "api." + host
	case first == "api":
		return "articles." + parent
	}
	return "api." + parent
}

// otherPort returns one near that of an address. It need not be free: whoever takes the
// lines knows what else runs there, and Caddy says so.
func otherPort(at *url.URL) string {
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		if at.Scheme == "http" {
			return "8080"
		}
		return "8443"
	}
	for port++; port == 2019 || port == 3000; port++ { // Caddy's own, and that of the backend
	}
	if port > 65535 {
		port -= 2
	}
	return strconv.Itoa(port)
}

func block(head string, lines []string) []string {
	all := []string{head + " {"}
	for _, line := range lines {
		all = append(all, "\t"+line)
	}
	return append(all, "}")
}
