//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// secrets are those of the tokens in the store that every gateway gets a copy of.
type secrets struct {
	known   string   // may do what the load does
	refused string   // may do something else
	many    []string // may all do what the load does
}

// prepareStore makes the tokens: those that stand for themselves with the
// command line, as a user would; the thousands in one transaction.
func (b *bench) prepareStore(ctx context.Context) error {
	b.storeDir = filepath.Join(b.dir, "seed")
	if err := os.Mkdir(b.storeDir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(b.storeDir, storeFile)
	config := filepath.Join(b.dir, "Caddyfile")
	text := caddyfile(gateSide("seed", "", ask{}), "127.0.0.1:0", "off", file, "127.0.0.1:1")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	var err error
	// A custom token, since deciding by grants is more work than full access.
	if b.secrets.known, err = b.createToken(ctx, config, "known", "GET /api/articles/{id}"); err != nil {
		return err
	}
	if b.secrets.refused, err = b.createToken(ctx, config, "refused", "POST /api/articles"); err != nil {
		return err
	}
	b.secrets.many, err = seedTokens(ctx, file, b.opts.tokens)
	return err
}

func (b *bench) createToken(ctx context.Context, config, name, grant string) (string, error) {
	secret, err := b.output(ctx, b.tokenreeve, "api-tokens", "create", "--config", config, "--api", apiName,
		"--name", name, "--type", "custom", "--grant", grant, "--duration", "unlimited")
	if err == nil && !token.WellFormed(secret) {
		err = errors.New("printed something other than a secret")
	}
	if err != nil {
		return "", fmt.Errorf("creating the token %q: %w", name, err)
	}
	return secret, nil
}

// output runs a command to its end and returns what it printed.
func (b *bench) output(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // G204: runs the binaries that it is given or has built
	cmd.Dir, cmd.Env = b.dir, b.environment(-1)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// seedTokens puts n tokens into a store at once. One command for each would
// take longer than everything that is measured.
func seedTokens(ctx context.Context, file string, n int) (texts []string, err error) {
	s, err := sqlite.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now := time.Now().UTC().Truncate(time.Millisecond)
	err = s.Change(ctx, func(tx store.Tx) error {
		texts = texts[:0] // it may run more than once
		for i := range n {
			text, err := seedToken(ctx, tx, fmt.Sprintf("seed-%d", i), now)
			if err != nil {
				return err
			}
			texts = append(texts, text)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("seeding %d tokens: %w", n, err)
	}
	return texts, nil
}

func seedToken(ctx context.Context, tx store.Tx, name string, now time.Time) (string, error) {
	text, record, err := newRecord(rand.Reader, name, now)
	if err != nil {
		return "", err
	}
	if err := tx.CreateToken(ctx, record.Token); err != nil {
		return "", err
	}
	return text, tx.AddSecret(ctx, record.Token.ID, record.Secrets[0])
}

// newRecord makes a token that may do what the load does, and its secret.
func newRecord(random io.Reader, name string, now time.Time) (string, store.Record, error) {
	id, err := token.NewID(random)
	if err != nil {
		return "", store.Record{}, err
	}
	secret, err := token.Mint(random)
	if err != nil {
		return "", store.Record{}, err
	}
	t := token.Token{
		ID: id, API: apiName, Name: name, Type: token.Custom, Grants: []string{"GET /api/articles/{id}"},
		Enabled: true, Hint: secret.Hint(), Created: now, Updated: now, Version: 1,
	}
	s := store.Secret{Digest: secret.Digest(), Scheme: token.SHA256, Hint: secret.Hint(), Created: now}
	return secret.Reveal(), store.Record{Token: t, Secrets: []store.Secret{s}}, nil
}
