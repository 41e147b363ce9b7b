package caddymodule

import (
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// parseGraphQL parses:
//
//	graphql <path>... {
//		introspection  allow|grant|deny
//		accept         documents|uploads|gzip...
//		documents      <file>...
//		max_body       <size>
//		max_tokens     <number>
//		max_depth      <number>
//		max_aliases    <number>
//		max_batch      <number>
//		max_operations <number>
//	}
func (h *Handler) parseGraphQL(d *caddyfile.Dispenser) error {
	q := new(GraphQL)
	paths := d.RemainingArgs()
	if len(paths) == 0 {
		return d.Err("graphql takes the path of the backend's GraphQL, such as: graphql /graphql")
	}
	for _, text := range paths {
		path, err := permission.ParsePattern(text)
		if err != nil {
			return d.WrapErr(err)
		}
		q.Paths = append(q.Paths, path)
	}
	if err := q.check(); err != nil {
		return d.WrapErr(err)
	}
	seen := lines{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := seen.once(d); err != nil {
			return err
		}
		if err := q.parseLine(d); err != nil {
			return err
		}
		if err := q.check(); err != nil {
			return d.WrapErr(err)
		}
	}
	h.GraphQL = q
	return nil
}

func (q *GraphQL) parseLine(d *caddyfile.Dispenser) (err error) {
	name := d.Val()
	switch name {
	case "introspection":
		var word string
		word, err = oneArg(d, "allow, grant or deny")
		q.Introspection = gate.Introspection(word)
	case "accept", "documents":
		words := d.RemainingArgs()
		if len(words) == 0 {
			return d.Errf("%s takes one word or more", name)
		}
		if name == "accept" {
			q.Accept = words
		} else {
			q.Documents = words
		}
	case "max_body":
		q.MaxBody, err = parseMaxBody(d)
	default:
		counts := q.counts(new(graphql.Limits))
		i := slices.IndexFunc(counts, func(c count) bool { return c.name == name })
		if i < 0 {
			return d.Errf("unknown word %q; graphql takes introspection, accept, documents, max_body, max_tokens, max_depth, max_aliases, max_batch and max_operations", name)
		}
		err = parseCount(d, counts[i])
	}
	return err
}

func parseMaxBody(d *caddyfile.Dispenser) (int64, error) {
	text, err := oneArg(d, "a size such as 1MiB")
	if err != nil {
		return 0, err
	}
	size, err := humanize.ParseBytes(text)
	if err != nil || size == 0 || size > maxBody {
		return 0, d.Errf("max_body: %q is not a size of up to 64MiB; write for example 1MiB", text)
	}
	return int64(size), nil
}

func parseCount(d *caddyfile.Dispenser, c count) error {
	text, err := oneArg(d, "a number")
	if err != nil {
		return err
	}
	if *c.own, err = strconv.Atoi(text); err != nil {
		return d.Errf("%s: %q is not a number", c.name, text)
	}
	if err := c.check(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
