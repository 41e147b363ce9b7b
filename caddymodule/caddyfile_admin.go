package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("api_tokens_admin", parseAdminDirective)
	// It answers all that reaches it, so it stands among those that answer, behind
	// whatever may refuse a request before.
	httpcaddyfile.RegisterDirectiveOrder("api_tokens_admin", httpcaddyfile.Before, "reverse_proxy")
}

func parseAdminDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	a := new(Admin)
	return a, a.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile parses the directive:
//
//	api_tokens_admin [<matcher>] {
//		sign_in         password
//		sign_in         header <name> {
//			from <address>...
//			role <role>
//		}
//		host            <name>...
//		audit_retention <duration>|forever
//	}
func (a *Admin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("surplus word %q; api_tokens_admin takes a block only", d.Val())
	}
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "sign_in" { // of which each kind may stand there once
			if err := seen.once(d); err != nil {
				return err
			}
		}
		if err := a.parseLine(d); err != nil {
			return err
		}
	}
	return nil
}

func (a *Admin) parseLine(d *caddyfile.Dispenser) (err error) {
	switch d.Val() {
	case "sign_in":
		err = a.parseSignIn(d)
	case "host":
		err = a.parseHosts(d)
	case "audit_retention":
		a.AuditRetention, err = parseRetention(d)
	default:
		err = d.Errf("unknown word %q; api_tokens_admin takes sign_in, host and audit_retention", d.Val())
	}
	return err
}

func (a *Admin) parseSignIn(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if a.SignIn == nil {
		a.SignIn = new(SignIn)
	}
	switch {
	case len(args) == 1 && args[0] == "password":
		if a.SignIn.Password {
			return d.Err("sign_in password stands here twice")
		}
		a.SignIn.Password = true
		return nil
	case len(args) == 2 && args[0] == "header":
		if a.SignIn.Header != nil {
			return d.Err("sign_in header stands here twice; name the one header that the proxy sets")
		}
		a.SignIn.Header = &HeaderSignIn{Name: args[1]}
		return a.SignIn.Header.parse(d)
	}
	return d.Err("sign_in takes password, or header, the name of a header and a block, such as: sign_in header Remote-User { ... }")
}

// parse reads the block, and names the line of the header in errors about all of it.
func (h *HeaderSignIn) parse(d *caddyfile.Dispenser) error {
	line := d.Line()
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.once(d); err != nil {
			return err
		}
		if err := h.parseLine(d); err != nil {
			return err
		}
	}
	if err := h.check(); err != nil {
		return fmt.Errorf("%w, at %s:%d", err, d.File(), line)
	}
	return nil
}

func (h *HeaderSignIn) parseLine(d *caddyfile.Dispenser) (err error) {
	switch d.Val() {
	case "from":
		if h.From = d.RemainingArgs(); len(h.From) == 0 {
			return d.Err("from takes the addresses of the proxy, such as: from 10.0.0.5 10.1.0.0/24")
		}
		for _, network := range h.From {
			if _, err := parseNetwork(network); err != nil {
				return d.WrapErr(err)
			}
		}
	case "role":
		h.Role, err = oneArg(d, "the name of a role, such as member")
	default:
		err = d.Errf("unknown word %q; sign_in header takes from and role", d.Val())
	}
	return err
}

func (a *Admin) parseHosts(d *caddyfile.Dispenser) error {
	if a.Hosts = d.RemainingArgs(); len(a.Hosts) == 0 {
		return d.Err("host takes one name or more, such as: host tokens.internal")
	}
	if err := a.checkHosts(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func parseRetention(d *caddyfile.Dispenser) (*caddy.Duration, error) {
	text, err := oneArg(d, "a duration such as 400d, or forever")
	if err != nil {
		return nil, err
	}
	if text == "forever" {
		return new(caddy.Duration), nil
	}
	value, err := caddy.ParseDuration(text)
	if err != nil {
		return nil, d.Errf("audit_retention: %q is not a duration; write for example 400d, or forever", text)
	}
	if err := within("audit_retention", value, minRetention, maxRetention); err != nil {
		return nil, d.WrapErr(err)
	}
	result := caddy.Duration(value)
	return &result, nil
}

var _ caddyfile.Unmarshaler = (*Admin)(nil)
