//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/postgres"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

// fillForPages makes a store with tokens of many kinds and an owner, and returns
// the cookie of a session of theirs and the id of a token.
func (b *bench) fillForPages(ctx context.Context, dsn, file string) (cookie, tokenID string, err error) {
	s, err := openStore(ctx, dsn, file)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now := time.Now().UTC().Truncate(time.Millisecond)
	var uses []token.Use
	err = s.Change(ctx, func(tx store.Tx) error {
		uses = uses[:0] // it may run more than once
		for i := range b.opts.tokens {
			use, err := seedForPages(ctx, tx, i, now)
			if err != nil {
				return err
			}
			if i%7 > 0 {
				uses = append(uses, use)
			}
		}
		return nil
	})
	if err != nil {
		return "", "", fmt.Errorf("seeding %d tokens: %w", b.opts.tokens, err)
	}
	if err := s.RecordUse(ctx, uses); err != nil {
		return "", "", err
	}
	service := admin.New(s, time.Now, rand.Reader)
	who := admin.ExternalIdentity{Subject: "bench", Name: "bench", Method: "header"}
	in, err := service.SignInExternal(ctx, who, admin.RoleOwner, admin.From{Address: "127.0.0.1"})
	if err != nil {
		return "", "", err
	}
	return string(rest.PlainCookie) + "=" + in.Secret.Reveal(), uses[0].TokenID, nil
}

func openStore(ctx context.Context, dsn, file string) (store.Store, error) {
	if dsn != "" {
		return postgres.Open(ctx, postgres.Config{DSN: dsn})
	}
	return sqlite.Open(ctx, file)
}

// seedForPages makes a token, and returns a use of it.
func seedForPages(ctx context.Context, tx store.Tx, i int, now time.Time) (token.Use, error) {
	partners := []string{"Blue Harbour", "Northwind", "Acme", "Umbra", "Initech", "Globex", "Hooli", "Stark", "Wayne", "Tyrell"}
	_, record, err := newRecord(rand.Reader, fmt.Sprintf("token %d of %s", i, partners[i%len(partners)]), now)
	if err != nil {
		return token.Use{}, err
	}
	t := record.Token
	t.Description = fmt.Sprintf("For the nightly job %d, ask person %d", i, i%100)
	t.Owner, t.Enabled = fmt.Sprintf("person%d", i%100), i%10 > 0
	t.Created = now.AddDate(0, 0, -i*7919%400-1)
	t.Updated = t.Created
	if i%3 > 0 {
		t.Expiry = now.AddDate(0, 0, i*104729%365-20)
	}
	if err := tx.CreateToken(ctx, t); err != nil {
		return token.Use{}, err
	}
	used := now.Add(-time.Duration(i*1299709%200) * 24 * time.Hour)
	use := token.Use{TokenID: t.ID, Secret: record.Secrets[0].Digest, Day: used.Truncate(24 * time.Hour), Last: used, Allowed: 100, Refused: 3}
	return use, tx.AddSecret(ctx, t.ID, record.Secrets[0])
}
