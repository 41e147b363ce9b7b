package caddymodule

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

// addGraphQL adds what a gate has of GraphQL, nil for nothing, to what the other gates
// of its API have: each way once, in an order that is always the same.
func addGraphQL(ways []store.GraphQL, q *GraphQL) []store.GraphQL {
	way := store.GraphQL{}
	if q != nil {
		way = store.GraphQL{Paths: q.Paths, Introspection: string(cmp.Or(q.Introspection, gate.IntrospectionGrant))}
	}
	at, found := slices.BinarySearchFunc(ways, way, compareGraphQL)
	if found {
		return ways
	}
	return slices.Insert(ways, at, way)
}

func compareGraphQL(a, b store.GraphQL) int {
	byPath := func(a, b permission.Pattern) int { return strings.Compare(a.String(), b.String()) }
	return cmp.Or(slices.CompareFunc(a.Paths, b.Paths, byPath), strings.Compare(a.Introspection, b.Introspection))
}

// graphQLOf is what catalogs have of all that was added: nothing if no gate has any.
func graphQLOf(ways []store.GraphQL) []store.GraphQL {
	if len(ways) == 1 && len(ways[0].Paths) == 0 {
		return nil
	}
	return ways
}
