package caddymodule

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/tokenreeve/tokenreeve/permission"
)

// parseDialect parses:
//
//	dialect kintone|strapi|apitoken {
//		password pass
//		salt     {env.<name>}|{file.<path>}
//	}
func (h *Handler) parseDialect(d *caddyfile.Dispenser) (err error) {
	if h.Dialect, err = oneArg(d, "kintone, strapi or apitoken"); err != nil {
		return err
	}
	found, err := findDialect(h.Dialect)
	if err != nil {
		return d.WrapErr(err)
	}
	for _, p := range h.Permissions {
		if slices.ContainsFunc(found.permissions, func(other permission.Permission) bool { return other.Name == p.Name }) {
			return d.WrapErr(errDialectBrings(p.Name, h.Dialect))
		}
	}
	if h.Errors != "" {
		return d.WrapErr(errDialectErrors)
	}
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.once(d); err != nil {
			return err
		}
		if err := h.parseDialectLine(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) parseDialectLine(d *caddyfile.Dispenser) (err error) {
	switch {
	case d.Val() == "password" && h.Dialect == dialectKintone:
		if h.Password, err = oneArg(d, "pass"); err == nil && h.Password != passwordPass {
			err = d.WrapErr(errPassword)
		}
	case d.Val() == "salt":
		if h.Salt, err = oneArg(d, "a placeholder such as {env.API_TOKEN_SALT}"); err == nil {
			if bad := h.checkSalt(); bad != nil {
				err = d.WrapErr(bad)
			}
		}
	default:
		err = d.Errf("unknown word %q; dialect kintone takes password pass, dialect strapi salt, dialect apitoken has no block", d.Val())
	}
	return err
}

// requiredNames are the permissions that others require, in the order of the file, each
// with the error that names the line if there is none of this name.
type requiredNames []requiredName

type requiredName struct {
	name    string
	missing error
}

// parse reads a line such as "requires record.view" or "requires record.add if json:upsert".
func (r *requiredNames) parse(d *caddyfile.Dispenser, p *permission.Permission) error {
	required := d.RemainingArgs()
	condition := ""
	if i := slices.Index(required, "if"); i >= 0 {
		condition = " " + strings.Join(required[i:], " ")
		required = required[:i]
	}
	if len(required) == 0 {
		return d.Err("requires takes the names of permissions that are needed as well, such as: requires record.view")
	}
	for _, text := range required {
		name, err := permission.RequiredName(text + condition)
		if err != nil {
			return d.WrapErr(err)
		}
		missing := d.Errf("permission %s requires %s, which is no other permission of this API", p.Name, name)
		if name == p.Name {
			return missing
		}
		*r = append(*r, requiredName{name, missing})
		p.Requires = append(p.Requires, text+condition)
		if err := p.CheckRequires(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

// check looks for the permissions in the whole block: they may stand below.
func (r requiredNames) check(h *Handler) error {
	there := map[string]bool{}
	for _, p := range h.permissions() {
		there[p.Name] = true
	}
	for _, required := range r {
		if !there[required.name] {
			return required.missing
		}
	}
	return nil
}

// permissions are those of the dialect and of the block.
func (h *Handler) permissions() []permission.Permission {
	return withDialect(h.Dialect, h.Permissions)
}
