package caddymodule

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// site is where a handler is in the configuration.
type site struct {
	hosts   []string // names that lead to it; none if any does, or that can't be told
	address string   // such as https://tokens.example.com
	plain   []string // listeners beyond loopback that have no TLS
}

// siteOf finds out how one gets to a handler.
func (a *App) siteOf(h *Admin) (found site) {
	httpPort, httpsPort := a.httpPorts()
	for _, server := range a.servers() {
		hosts, ok := hostsTo(server.Routes, h)
		for _, named := range server.NamedRoutes { // who invokes it, and for which names, can't be told
			_, invoked := hostsTo(caddyhttp.RouteList{*named}, h)
			ok = ok || invoked
		}
		if !ok {
			continue
		}
		found.hosts = append(found.hosts, hosts...)
		for _, text := range server.Listen {
			l, err := caddy.ParseNetworkAddress(text)
			if err != nil {
				continue // Caddy won't start then
			}
			tls := len(server.TLSConnPolicies) > 0 && int(l.StartPort) != httpPort
			if !tls && !l.IsUnixNetwork() && !l.IsFdNetwork() && !isLoopbackName(strings.ToLower(l.Host)) && !onlyLoopback(hosts) {
				found.plain = append(found.plain, text)
			}
			if found.address == "" || tls && !strings.HasPrefix(found.address, "https:") {
				found.address = siteAddress(hosts, &l, tls, httpPort, httpsPort)
			}
		}
	}
	slices.Sort(found.hosts)
	found.hosts = slices.Compact(found.hosts)
	if found.address == "" {
		found.address = "http://localhost"
	}
	return found
}

func (a *App) httpPorts() (plain, secure int) {
	plain, secure = caddyhttp.DefaultHTTPPort, caddyhttp.DefaultHTTPSPort
	app, err := a.ctx.AppIfConfigured("http")
	if http, ok := app.(*caddyhttp.App); ok && err == nil {
		if http.HTTPPort != 0 {
			plain = http.HTTPPort
		}
		if http.HTTPSPort != 0 {
			secure = http.HTTPSPort
		}
	}
	return plain, secure
}

// hostsTo returns the names that the routes to a handler match: those of the
// innermost route that matches names.
func hostsTo(routes caddyhttp.RouteList, to *Admin) (hosts []string, found bool) {
	for i := range routes {
		for _, handler := range routes[i].Handlers {
			inner, here := []string(nil), false
			switch handler := handler.(type) {
			case *Admin:
				here = handler == to
			case *caddyhttp.Subroute:
				inner, here = hostsTo(handler.Routes, to)
			}
			if !here {
				continue
			}
			if found = true; len(inner) == 0 {
				inner = matchedHosts(routes[i].MatcherSets)
			}
			hosts = append(hosts, inner...)
		}
	}
	return hosts, found
}

// matchedHosts returns the names that a route is for, or none if it is for others too.
func matchedHosts(sets caddyhttp.MatcherSets) (hosts []string) {
	for _, set := range sets {
		before := len(hosts)
		for _, matcher := range set {
			switch names := matcher.(type) {
			case *caddyhttp.MatchHost:
				hosts = append(hosts, *names...)
			case caddyhttp.MatchHost:
				hosts = append(hosts, names...)
			}
		}
		if len(hosts) == before {
			return nil
		}
	}
	return hosts
}

func onlyLoopback(hosts []string) bool {
	beyond := func(name string) bool { return !isLoopbackName(strings.ToLower(name)) }
	return len(hosts) > 0 && !slices.ContainsFunc(hosts, beyond)
}

// siteAddress is how a browser gets there.
func siteAddress(hosts []string, l *caddy.NetworkAddress, tls bool, httpPort, httpsPort int) string {
	host := "localhost"
	isName := func(name string) bool { return !strings.ContainsAny(name, "*{") }
	if i := slices.IndexFunc(hosts, isName); i >= 0 {
		host = hosts[i]
	} else if ip := net.ParseIP(l.Host); ip != nil && !ip.IsUnspecified() {
		host = l.Host
	}
	scheme, usual := "http", httpPort
	if tls {
		scheme, usual = "https", httpsPort
	}
	if port := int(l.StartPort); port != usual && port != 0 {
		return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}

// warnOfPlain says that passwords and sessions can be read on their way.
func (a *Admin) warnOfPlain() {
	if len(a.site.plain) == 0 {
		return
	}
	a.logger.Warn("TOKENS ARE MANAGED WITHOUT TLS: whoever is on the way between a browser and this server can read passwords, sessions and new tokens. Give the site a name without http:// in front, or bind it to 127.0.0.1; behind a proxy that speaks TLS, let this server listen where only that one can reach it",
		zap.Strings("listeners", a.site.plain))
}
