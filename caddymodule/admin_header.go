package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// HeaderSignIn lets an authenticating proxy say who somebody is.
type HeaderSignIn struct {
	// Name is that of the header, such as Remote-User.
	Name string `json:"name"`
	// From are the addresses of the proxy, single ones or networks. The header
	// counts only on connections from there, and never because of what another
	// header says about where a request came from.
	From []string `json:"from"`
	// Role is for accounts that are made on first use. Without one only those sign
	// in who have an account.
	Role string `json:"role,omitempty"`

	trusted []netip.Prefix
}

// notIdentity are headers that are something else.
var notIdentity = []string{"Authorization", "Proxy-Authorization", "Cookie", "Host", "Origin", "X-Api-Key", "X-Forwarded-For"}

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,99}$`)

func (h *HeaderSignIn) provision() (err error) {
	if err := h.check(); err != nil {
		return err
	}
	h.Name = http.CanonicalHeaderKey(h.Name)
	for _, text := range h.From {
		prefix, err := parseNetwork(text)
		if err != nil {
			return err
		}
		h.trusted = append(h.trusted, prefix)
	}
	return nil
}

func (h *HeaderSignIn) check() error {
	if !headerName.MatchString(h.Name) || slices.Contains(notIdentity, http.CanonicalHeaderKey(h.Name)) {
		return fmt.Errorf("%q can't be the header that says who somebody is; name the one that the proxy sets, such as Remote-User", h.Name)
	}
	if len(h.From) == 0 {
		return fmt.Errorf("sign_in header %s needs the addresses of the proxy: everybody else could say who they are; write for example: from 10.0.0.5", h.Name)
	}
	return nil
}

// parseNetwork reads a network, or an address as a network of one.
func parseNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return prefix, fmt.Errorf("%q is not an address or a network; write for example 10.0.0.5 or 10.0.0.0/24", text)
	case prefix.Bits() == 0:
		return prefix, fmt.Errorf("%s is everybody, who could all say who they are; name the addresses of the proxy", text)
	}
	return prefix.Masked(), nil
}

// peer is the other end of the connection.
func peer(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket: nobody in particular
	}
	return address.Addr().Unmap().WithZone("")
}

func (h *HeaderSignIn) trusts(r *http.Request) bool {
	from := peer(r)
	return slices.ContainsFunc(h.trusted, func(network netip.Prefix) bool { return network.Contains(from) })
}

// name returns who the proxy says it is.
func (h *HeaderSignIn) name(r *http.Request) (string, error) {
	values := r.Header.Values(h.Name)
	name := strings.TrimSpace(values[0])
	bad := func(c rune) bool { return !unicode.IsPrint(c) }
	switch {
	case len(values) > 1: // one could be the client's
		return "", h.problemName("more than once")
	case name == "": // the proxy let somebody in whom it does not know
		return "", admin.ErrSignedOut
	case len(name) > 200 || !utf8.ValidString(name) || strings.ContainsFunc(name, bad):
		return "", h.problemName("with what can't be a name")
	}
	return name, nil
}

func (h *HeaderSignIn) problemName(how string) error {
	return &rest.ProblemError{
		Status: http.StatusBadRequest, Code: "ambiguous_identity",
		Detail: fmt.Sprintf("The header %s stands here %s.", h.Name, how),
	}
}

// problemUntrusted is for whoever sets the proxy up: nobody learns more from it
// than they have sent.
func (h *HeaderSignIn) problemUntrusted(r *http.Request) error {
	return &rest.ProblemError{
		Status: http.StatusUnauthorized, Code: "not_signed_in",
		Detail: fmt.Sprintf("Nobody is signed in: the header %s counts only from the addresses of the proxy, and this request came from %s.", h.Name, peer(r)),
	}
}

// problemNoAccount is for whom the proxy knows and we don't.
func problemNoAccount(name string) error {
	return &rest.ProblemError{
		Status: http.StatusUnauthorized, Code: "sign_in_refused",
		Detail: fmt.Sprintf("You are %q, and there is no enabled account for you here. Ask somebody who manages accounts.", name),
	}
}

var errSignInAgain = errors.New("the session ended as soon as it began")
