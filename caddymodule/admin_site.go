package caddymodule

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// site is where a handler is in the configuration.
type site struct {
	hosts   []string // names that lead to it; none if any does, or that can't be told
	address string   // such as https://tokens.example.com
	plain   []string // listeners beyond loopback that have no TLS
}

// siteOf finds out how one gets to a handler. The address is empty if no route
// of this configuration leads there.
func (a *App) siteOf(h caddyhttp.MiddlewareHandler) (found site) {
	httpPort := a.httpPort()
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
			if l, err := caddy.ParseNetworkAddress(text); err == nil { // else Caddy won't start
				found.add(&l, len(server.TLSConnPolicies) > 0, hosts, httpPort)
			}
		}
	}
	slices.Sort(found.hosts)
	found.hosts = slices.Compact(found.hosts)
	return found
}

// add takes a listener of a server that has the handler under these names. These bound
// nothing, not even localhost: the name is what a client says.
func (s *site) add(l *caddy.NetworkAddress, tls bool, hosts []string, httpPort int) {
	tls = tls && int(l.StartPort) != httpPort // where Caddy never has it
	local := l.IsUnixNetwork() || l.IsFdNetwork() || rest.IsLoopback(strings.ToLower(l.Host))
	if !tls && !local {
		s.plain = append(s.plain, l.String())
	}
	if s.address == "" || tls && !strings.HasPrefix(s.address, "https:") {
		s.address = siteAddress(hosts, l, tls)
	}
}

func (a *App) httpPort() int {
	app, err := a.ctx.AppIfConfigured("http")
	if http, ok := app.(*caddyhttp.App); ok && err == nil && http.HTTPPort != 0 {
		return http.HTTPPort
	}
	return caddyhttp.DefaultHTTPPort
}

// hostsTo returns the names that the routes to a handler match: those of the
// innermost route that matches names.
func hostsTo(routes caddyhttp.RouteList, to caddyhttp.MiddlewareHandler) (hosts []string, found bool) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			inner, here := []string(nil), handler == to
			if block, ok := handler.(*caddyhttp.Subroute); ok {
				inner, here = hostsTo(block.Routes, to)
			}
			if !here {
				continue
			}
			if found = true; len(inner) == 0 {
				inner = matchedHosts(route.MatcherSets)
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

// siteAddress is how a browser gets there. Only the ports that browsers think of
// by themselves are left out, whatever http_port and https_port are.
func siteAddress(hosts []string, l *caddy.NetworkAddress, tls bool) string {
	host := "localhost"
	isName := func(name string) bool { return !strings.ContainsAny(name, "*{") }
	if i := slices.IndexFunc(hosts, isName); i >= 0 {
		host = hosts[i]
	} else if ip := net.ParseIP(l.Host); ip != nil && !ip.IsUnspecified() {
		host = l.Host
	}
	scheme, usual := "http", caddyhttp.DefaultHTTPPort
	if tls {
		scheme, usual = "https", caddyhttp.DefaultHTTPSPort
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
	a.logger.Warn("TOKENS ARE MANAGED WITHOUT TLS: passwords, sessions and new tokens can be read on their way; give the site a name without http:// in front, or bind it to 127.0.0.1",
		zap.Strings("listeners", a.site.plain))
}
