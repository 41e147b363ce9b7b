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
//		sign_in         oidc <issuer> {
//			client_id     <id>
//			client_secret <placeholder>
//			name_claim    <claim>
//			role          <role>
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
	case len(args) == 2 && args[0] == "oidc":
		if a.SignIn.OIDC != nil {
			return d.Err("sign_in oidc stands here twice; a provider can let people in who are known elsewhere")
		}
		a.SignIn.OIDC = &OIDCSignIn{Issuer: args[1]}
		return a.SignIn.OIDC.parse(d)
	}
	return d.Err("sign_in takes password, or header, the name of a header and a block, such as: sign_in header Remote-User { ... }, " +
		"or oidc, the address of a provider and a block, such as: sign_in oidc https://id.example.com { ... }")
}

func (h *HeaderSignIn) parse(d *caddyfile.Dispenser) error { return parseWay(d, h.parseLine, h.check) }

func (o *OIDCSignIn) parse(d *caddyfile.Dispenser) error { return parseWay(d, o.parseLine, o.check) }

// parseWay reads the block of a way to sign in. Errors about all of it name the line
// that it begins with.
func parseWay(d *caddyfile.Dispenser, parseLine func(*caddyfile.Dispenser) error, check func() error) error {
	line := d.Line()
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.once(d); err != nil {
			return err
		}
		if err := parseLine(d); err != nil {
			return err
		}
	}
	if err := check(); err != nil {
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

func (o *OIDCSignIn) parseLine(d *caddyfile.Dispenser) (err error) {
	switch d.Val() {
	case "client_id":
		o.ClientID, err = oneArg(d, "what the provider calls this gateway")
	case "client_secret":
		// What stands there may be the secret, so it is not repeated.
		if o.ClientSecret, err = oneArg(d, "a placeholder such as {env.OIDC_SECRET}"); err == nil && !secretPlaceholder.MatchString(o.ClientSecret) {
			err = d.WrapErr(errSecretShown)
		}
	case "name_claim":
		if o.NameClaim, err = oneArg(d, "the name of a claim, such as preferred_username"); err == nil && !claimName.MatchString(o.NameClaim) {
			err = d.WrapErr(errNoClaim)
		}
	case "role":
		o.Role, err = oneArg(d, "the name of a role, such as member")
	default:
		err = d.Errf("unknown word %q; sign_in oidc takes client_id, client_secret, name_claim and role", d.Val())
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
