package caddymodule

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/permission/graphql"
)

// document is one of those that clients may call by their hash alone.
type document struct {
	text  string
	place string // the file, and what names the document in a manifest
}

// newReader returns a reader that knows the documents of the files.
func newReader(limits graphql.Limits, files []string) (*graphql.Reader, error) {
	var documents []document
	for _, file := range files {
		found, err := readDocuments(file)
		if err != nil {
			return nil, fmt.Errorf("documents: %s: %w", file, err)
		}
		for _, d := range found {
			for _, text := range spellings(d.text) {
				documents = append(documents, document{text: text, place: file + d.place})
			}
		}
	}
	texts := make([]string, len(documents))
	for i, d := range documents {
		texts[i] = d.text
	}
	reader, err := graphql.New(limits, texts...)
	if bad, ok := errors.AsType[*graphql.DocumentError](err); ok {
		return nil, fmt.Errorf("documents: %s: %w", documents[bad.Index].place, bad.Err)
	}
	return reader, err
}

// spellings returns a document as it is and, if it ends a line, without that end:
// editors write one, and clients hash the document without it.
func spellings(text string) []string {
	cut, ended := strings.CutSuffix(text, "\n")
	if !ended {
		return []string{text}
	}
	return []string{text, strings.TrimSuffix(cut, "\r")}
}

// jsonBegins matches what no GraphQL document begins with, but JSON does.
var jsonBegins = regexp.MustCompile(`^(\x{FEFF})?\s*(\{\s*["}]|\[)`)

var errNoDocuments = errors.New("the file has no documents")

// readDocuments reads a file: a manifest in JSON, as client libraries write it, or
// a single document.
func readDocuments(file string) ([]document, error) {
	text, err := os.ReadFile(file)
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return nil, at.Err // the caller names the file
	}
	switch {
	case err != nil:
		return nil, err
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errNoDocuments
	case jsonBegins.Match(text):
		return readManifest(bytes.TrimPrefix(text, []byte("\ufeff")))
	case !utf8.Valid(text):
		return nil, errors.New("it is not valid UTF-8")
	}
	return []document{{text: string(text)}}, nil
}

// readManifest returns the documents of Apollo's persisted query manifest, or of
// an object of hashes and documents.
func readManifest(text []byte) ([]document, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, jsonProblem(text, err)
	}
	if operations, ok := values["operations"]; ok {
		return readOperations(operations)
	}
	if len(values) == 0 {
		return nil, errNoDocuments
	}
	documents := make([]document, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		d := document{place: fmt.Sprintf(": key %q", key)}
		if err := json.Unmarshal(values[key], &d.text); err != nil {
			return nil, fmt.Errorf("key %q: the value is not a string that holds a document", key)
		}
		if err := checkHash("key", key, d.text); err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return documents, nil
}

// readOperations reads the list of Apollo's manifest.
func readOperations(list json.RawMessage) ([]document, error) {
	var operations []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Body string `json:"body"`
	}
	if err := json.Unmarshal(list, &operations); err != nil {
		return nil, errors.New("operations is not a list of objects with the strings id, name and body, as Apollo's manifest has it")
	}
	if len(operations) == 0 {
		return nil, errNoDocuments
	}
	documents := make([]document, len(operations))
	for i, op := range operations {
		if err := checkHash(fmt.Sprintf("operation %q: id", op.Name), op.ID, op.Body); err != nil {
			return nil, err
		}
		documents[i] = document{text: op.Body, place: fmt.Sprintf(": operation %q, id %q", op.Name, op.ID)}
	}
	return documents, nil
}

// checkHash refuses a name of a document that clients could not call it by.
func checkHash(what, hash, text string) error {
	for _, spelling := range spellings(text) {
		sum := sha256.Sum256([]byte(spelling))
		if hash == hex.EncodeToString(sum[:]) {
			return nil
		}
	}
	return fmt.Errorf("%s %q is not the SHA-256 of its document, as 64 lower-case hexadecimal digits", what, hash)
}

// jsonProblem says what is wrong with a file that begins as JSON does.
func jsonProblem(text []byte, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not valid JSON at line %d: %w", 1+bytes.Count(text[:syntax.Offset], []byte("\n")), err)
	}
	return errors.New("it is neither Apollo's manifest nor a JSON object of hashes and documents")
}
