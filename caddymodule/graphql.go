package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// GraphQL says where the backend has GraphQL, and what of it is let in.
type GraphQL struct {
	// Paths are those of the backend's GraphQL. All that is below counts as well.
	Paths []permission.Pattern `json:"paths"`
	// Introspection is grant (the default: custom tokens need a grant of query
	// __schema or query __type), allow (every token) or deny (nobody).
	Introspection gate.Introspection `json:"introspection,omitempty"`
	// Accept has what is let in beside JSON: documents (bodies of
	// application/graphql), uploads (multipart forms) and gzip (compressed bodies).
	Accept []string `json:"accept,omitempty"`
	// Documents are files of documents that clients may call by their SHA-256
	// alone: one document each, Apollo's persisted query manifest, or a JSON object
	// of hashes and documents. Paths are relative to the working directory.
	Documents []string `json:"documents,omitempty"`
	// MaxBody is the longest body in bytes. Default: 1 MiB.
	MaxBody int64 `json:"max_body,omitempty"`
	// MaxTokens limits the tokens of a document. Default: 5000.
	MaxTokens int `json:"max_tokens,omitempty"`
	// MaxDepth limits how deep a document nests, up to 1000. Default: 50.
	MaxDepth int `json:"max_depth,omitempty"`
	// MaxAliases limits the aliases of a document. Default: 500.
	MaxAliases int `json:"max_aliases,omitempty"`
	// MaxBatch limits how many requests one body may hold, up to 1000. Default: 10.
	MaxBatch int `json:"max_batch,omitempty"`
	// MaxOperations limits the operations of a document. Default: 20.
	MaxOperations int `json:"max_operations,omitempty"`
}

const (
	acceptDocuments = "documents"
	acceptUploads   = "uploads"
	acceptGzip      = "gzip"

	maxGraphQLCount = 1_000_000
	maxGraphQLBatch = 1000
	maxGraphQLDepth = 1000 // the parser recurses
)

// open checks the configuration and makes what the gate needs. It returns nil
// for an API without GraphQL.
func (q *GraphQL) open() (*gate.GraphQL, error) {
	if q == nil {
		return nil, nil
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	limits := q.limits()
	reader, err := newReader(limits, q.Documents)
	if err != nil {
		return nil, err
	}
	paths, err := permission.NewPaths(q.Paths)
	if err != nil {
		return nil, err
	}
	introspection := q.Introspection
	if introspection == "" {
		introspection = gate.IntrospectionGrant
	}
	return &gate.GraphQL{
		Paths: paths, Reader: reader, MaxBody: limits.Body, Introspection: introspection,
		Documents: slices.Contains(q.Accept, acceptDocuments),
		Uploads:   slices.Contains(q.Accept, acceptUploads),
		Gzip:      slices.Contains(q.Accept, acceptGzip),
	}, nil
}

func (q *GraphQL) limits() graphql.Limits {
	limits := graphql.DefaultLimits
	if q.MaxBody > 0 {
		limits.Body = q.MaxBody
	}
	for _, l := range q.counts(&limits) {
		if *l.own > 0 {
			*l.limit = *l.own
		}
	}
	return limits
}

// count is a limit as it is configured, how high it may be, and where it goes.
type count struct {
	name       string
	most       int
	own, limit *int
}

func (c count) check() error { return within(c.name, int64(*c.own), 1, int64(c.most)) }

func (q *GraphQL) counts(limits *graphql.Limits) []count {
	return []count{
		{"max_tokens", maxGraphQLCount, &q.MaxTokens, &limits.Tokens},
		{"max_depth", maxGraphQLDepth, &q.MaxDepth, &limits.Depth},
		{"max_aliases", maxGraphQLCount, &q.MaxAliases, &limits.Aliases},
		{"max_batch", maxGraphQLBatch, &q.MaxBatch, &limits.Batch},
		{"max_operations", maxGraphQLCount, &q.MaxOperations, &limits.Operations},
	}
}

func (q *GraphQL) check() error {
	if err := q.checkWords(); err != nil {
		return err
	}
	if q.MaxBody != 0 { // 0 is the default, as it is below
		if err := within("max_body", q.MaxBody, 1, maxBody); err != nil {
			return err
		}
	}
	for _, c := range q.counts(new(graphql.Limits)) {
		if *c.own == 0 {
			continue
		}
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

func (q *GraphQL) checkWords() error {
	if len(q.Paths) == 0 {
		return errors.New("graphql has no path; write for example: graphql /graphql")
	}
	switch q.Introspection {
	case "", gate.IntrospectionGrant, gate.IntrospectionAllow, gate.IntrospectionDeny:
	default:
		return fmt.Errorf("introspection: unknown word %q; use allow, grant or deny", q.Introspection)
	}
	for _, word := range q.Accept {
		if !slices.Contains([]string{acceptDocuments, acceptUploads, acceptGzip}, word) {
			return fmt.Errorf("accept: unknown word %q; use documents, uploads or gzip", word)
		}
	}
	paths := make([]string, len(q.Paths))
	for i, path := range q.Paths {
		paths[i] = path.String()
	}
	return cmp.Or(
		noRepeats("graphql", paths, strings.ToLower), // as they are matched
		noRepeats("accept", q.Accept, strings.Clone),
		noRepeats("documents", q.Documents, filepath.Clean),
	)
}

// noRepeats refuses words of which two are the same in plain form.
func noRepeats(name string, words []string, plain func(string) string) error {
	seen := make(map[string]bool, len(words))
	for _, word := range words {
		if seen[plain(word)] {
			return fmt.Errorf("%s has %s twice; write it once", name, word)
		}
		seen[plain(word)] = true
	}
	return nil
}
