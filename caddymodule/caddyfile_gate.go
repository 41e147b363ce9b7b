package caddymodule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// changesStaged is the value of changes for an API whose tokens change by drafts.
const changesStaged = "staged"

func init() {
	httpcaddyfile.RegisterDirective("api_tokens", parseDirective)
	// Behind everything that rewrites the path, in front of everything that
	// forwards: what is matched is what goes on.
	httpcaddyfile.RegisterDirectiveOrder("api_tokens", httpcaddyfile.Before, "basic_auth")
}

// parseDirective makes a route of the directive, as Caddy does for handlers, but
// refuses a path in front of its block: what Caddy's path matcher does not
// match would go on without a token, and a backend can read a path such as
// /x/..;/api as one that it should have matched.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next()
	if h.NextArg() && strings.HasPrefix(h.Val(), "/") {
		return nil, h.Errf("api_tokens can't be for %s alone, since other spellings of that path would need no token; put api_tokens and reverse_proxy into a handle block: handle %s { ... }", h.Val(), h.Val())
	}
	h.Reset()
	h.Next()
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return h.NewRoute(matchers, handler), nil
}

// UnmarshalCaddyfile parses the directive:
//
//	api_tokens [@<matcher>] [<api>] {
//		from          authorization <scheme>
//		from          header <name> [list]
//		from          query <name>
//		max_tokens    <number>
//		max_body      <size>
//		permission    <resource.action> [read|write] {
//			<method> <path>[?<name>={<name>}[&...]] [json:<name>={<name>}...]
//			requires <resource.action>... [if json:<member>]
//			query|mutation|subscription <field>...
//		}
//		resource      <name> <path> [single] [graphql]
//		graphql       <path>... {
//			...
//		}
//		open          <what> <path>...
//		identity      <prefix>|off
//		preflight     check|pass
//		errors        caddy|problem
//		changes       staged
//		dialect       kintone|strapi|apitoken {
//			password pass
//			salt {env.<name>}|{file.<path>}
//		}
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		h.API = d.Val()
		if err := token.CheckAPI(h.API); err != nil {
			return d.WrapErr(err)
		}
		if h.API == admin.ManagementAPI {
			return d.WrapErr(errReservedAPI)
		}
	}
	if d.NextArg() {
		return d.Errf("surplus word %q; api_tokens takes the name of an API and a block", d.Val())
	}
	seen := lines{}
	var required requiredNames
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if repeats := slices.Contains([]string{"from", "permission", "resource", "open"}, d.Val()); !repeats {
			if err := seen.once(d); err != nil {
				return err
			}
		}
		if err := h.parseLine(d, &required); err != nil {
			return err
		}
	}
	return required.check(h)
}

func (h *Handler) parseLine(d *caddyfile.Dispenser, required *requiredNames) (err error) {
	switch d.Val() {
	case "from":
		err = h.parseSource(d)
	case "permission":
		err = h.parsePermission(d, required)
	case "resource":
		err = h.parseResource(d)
	case "open":
		err = h.parseOpening(d)
	case "graphql":
		err = h.parseGraphQL(d)
	case "max_tokens":
		err = h.parseMaxTokens(d)
	case "max_body":
		h.MaxBody, err = parseMaxBody(d)
	case "identity":
		err = h.parseIdentity(d)
	case "preflight":
		var word string
		word, err = oneOf(d, "check", "pass")
		h.CheckPreflights = word == "check"
	case "errors":
		err = h.parseErrors(d)
	case "changes":
		err = h.parseChanges(d)
	case "dialect":
		err = h.parseDialect(d)
	default:
		err = d.Errf("unknown word %q; api_tokens takes from, permission, resource, graphql, open, max_tokens, max_body, identity, preflight, errors, changes and dialect", d.Val())
	}
	return err
}

func (h *Handler) parseChanges(d *caddyfile.Dispenser) (err error) {
	h.Changes, err = oneArg(d, changesStaged)
	if err == nil && h.Changes != changesStaged {
		return d.Errf("changes: unknown word %q; write staged, or leave the line out for changes that hold at once", h.Changes)
	}
	return err
}

func (h *Handler) parseErrors(d *caddyfile.Dispenser) error {
	word, err := oneOf(d, errorsCaddy, "problem")
	if err != nil || word != errorsCaddy {
		return err
	}
	if h.Errors = word; h.Dialect != "" {
		return d.WrapErr(errDialectErrors)
	}
	return nil
}

func (h *Handler) parseSource(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	list := len(args) == 3 && args[0] == string(gate.Header) && args[2] == "list"
	if len(args) != 2 && !list {
		return d.Err("from takes: authorization <scheme>, header <name> [list], or query <name>")
	}
	h.Sources = append(h.Sources, gate.Source{Place: gate.Place(args[0]), Name: args[1], List: list})
	if _, err := gate.NewSources(h.Sources, gate.DefaultMaxTokens); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (h *Handler) parsePermission(d *caddyfile.Dispenser, required *requiredNames) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Err("permission takes a name such as article.find, perhaps read or write, and a block of operations")
	}
	p := permission.Permission{Name: args[0]}
	if len(args) == 2 {
		if p.Mark = permission.Mark(args[1]); p.Mark != permission.Read && p.Mark != permission.Write {
			return d.Errf("%q is not a mark; use read or write, or none", args[1])
		}
	}
	if err := h.checkName(p); err != nil {
		return d.WrapErr(err)
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() == "requires" {
			if err := required.parse(d, &p); err != nil {
				return err
			}
			continue
		}
		ops, err := parseOperations(d)
		if err != nil {
			return err
		}
		for _, op := range ops {
			if seen[op.String()] {
				return d.Errf("permission %s has %s twice", p.Name, op)
			}
			seen[op.String()] = true
			p.Operations = append(p.Operations, op)
		}
	}
	alone := p
	alone.Requires = nil // others may stand below
	if _, err := permission.NewCatalog([]permission.Permission{alone}); err != nil {
		return d.WrapErr(err)
	}
	h.Permissions = append(h.Permissions, p)
	return nil
}

// parseOperations reads a line such as "GET /api/articles" or "query articles article".
func parseOperations(d *caddyfile.Dispenser) (ops []permission.Operation, err error) {
	method := d.Val()
	args := d.RemainingArgs()
	switch {
	case permission.IsKind(method) && len(args) == 0:
		return nil, d.Errf("%s takes the names of root fields, or * for all", method)
	case len(args) == 0:
		return nil, d.Errf("an operation is a method and one path, such as: GET /api/articles/{id}; found %s alone", method)
	case !permission.IsKind(method):
		args = []string{strings.Join(args, " ")}
	}
	for _, arg := range args {
		op, err := permission.ParseOperation(method + " " + asWritten(arg))
		if err != nil {
			return nil, d.WrapErr(err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func (h *Handler) parseResource(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return errResource(d)
	}
	single, graphQL := false, false
	for _, word := range args[2:] {
		switch {
		case word == "single" && !single:
			single = true
		case word == "graphql" && !graphQL:
			graphQL = true
		default:
			return errResource(d)
		}
	}
	permissionsOf := permission.ForResource
	if single {
		permissionsOf = permission.ForSingle
	}
	permissions, err := permissionsOf(args[0], asWritten(args[1]), graphQL)
	if err != nil {
		return d.WrapErr(err)
	}
	for _, p := range permissions {
		if err := h.checkName(p); err != nil {
			return d.WrapErr(err)
		}
		h.Permissions = append(h.Permissions, p)
	}
	return nil
}

func errResource(d *caddyfile.Dispenser) error {
	return d.Err("resource takes a name and a path, and perhaps single and graphql, such as: resource article /api/articles")
}

// parseOpening reads what is let in on some paths though it is refused elsewhere.
func (h *Handler) parseOpening(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err("open takes what to open and one path or more, such as: open encoded_slash /files/*")
	}
	for _, text := range args[1:] {
		path, err := permission.ParsePattern(text)
		if err != nil {
			return d.WrapErr(err)
		}
		opening := permission.Opening{Kind: permission.OpeningKind(args[0]), Path: path}
		h.Openings = append(h.Openings, opening)
	}
	if err := h.Openings.Check(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// checkName refuses a bad name, and one that another permission has.
func (h *Handler) checkName(p permission.Permission) error {
	named := func(other permission.Permission) bool { return other.Name == p.Name }
	if slices.ContainsFunc(h.Permissions, named) {
		return fmt.Errorf("permission %s is defined twice", p.Name)
	}
	if slices.ContainsFunc(h.permissions(), named) {
		return errDialectBrings(p.Name, h.Dialect)
	}
	return permission.CheckName(p.Name)
}

func (h *Handler) parseMaxTokens(d *caddyfile.Dispenser) error {
	text, err := oneArg(d, "a number")
	if err != nil {
		return err
	}
	if h.MaxTokens, err = strconv.Atoi(text); err != nil {
		return d.Errf("max_tokens: %q is not a number", text)
	}
	if err := within("max_tokens", int64(h.MaxTokens), 1, maxTokens); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (h *Handler) parseIdentity(d *caddyfile.Dispenser) error {
	text, err := oneArg(d, "the prefix of the identity headers, or off")
	if err != nil {
		return err
	}
	h.IdentityHeaders = text
	if err := gate.CheckIdentityPrefix(text); text != identityOff && err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// oneOf returns the one argument of the line, which must be one of the words.
func oneOf(d *caddyfile.Dispenser, a, b string) (string, error) {
	name := d.Val()
	text, err := oneArg(d, a+" or "+b)
	if err == nil && text != a && text != b {
		err = d.Errf("%s: unknown word %q; use %s or %s", name, text, a, b)
	}
	return text, err
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
