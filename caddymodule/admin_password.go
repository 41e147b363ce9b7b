package caddymodule

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
)

// argon2id hashes passwords as Caddy does: 46 MiB, one pass, one lane, which OWASP
// recommends.
// Package admin bounds how many are hashed at a time.
type argon2id struct{}

const (
	argonFormat = "$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s"
	argonMemory = 46 * 1024 // KiB
	argonPasses = 1
	argonLanes  = 1
	argonSalt   = 16 // bytes
	argonKey    = 32 // bytes

	maxArgonMemory = 1024 * 1024 // KiB
	maxArgonPasses = 100
)

// Hash returns a salted hash in PHC form.
func (argon2id) Hash(password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	// Caddy's hasher takes its parameters, and its salt, from a hash that it reads.
	encoded := base64.RawStdEncoding.EncodeToString
	hasher, _, err := caddyauth.DecodeHash(fmt.Appendf(nil, argonFormat, argonMemory, argonPasses, argonLanes, encoded(salt), encoded(make([]byte, argonKey))))
	if err != nil {
		return "", err
	}
	hash, err := hasher.Hash([]byte(password))
	return string(hash), err
}

// Compare reports whether the password is that of the hash.
func (argon2id) Compare(hash, password string) (bool, error) {
	var memory, passes, lanes int
	var rest string
	_, err := fmt.Sscanf(hash, "$argon2id$v=19$m=%d,t=%d,p=%d$%s", &memory, &passes, &lanes, &rest)
	if err != nil || memory < 8 || memory > maxArgonMemory || passes < 1 || passes > maxArgonPasses || lanes < 1 || lanes > 255 {
		return false, errBadHash // argon2 would panic, or take the machine
	}
	same, err := caddyauth.Argon2idHash{}.Compare([]byte(hash), []byte(password))
	if err != nil {
		return false, errBadHash // Caddy's may repeat parts of it
	}
	return same, nil
}

var errBadHash = fmt.Errorf("the hash of a password in the store can't be understood")
