package caddymodule

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
	"github.com/spf13/cobra"
)

// commandPasswords hashes passwords with argon2id as Caddy has it.
type commandPasswords struct{}

// Hash implements admin.Passwords. Caddy takes its defaults and a salt only from
// its own configuration, or from a hash: so this hands it one without a key.
func (commandPasswords) Hash(password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	like := "$argon2id$v=19$m=47104,t=1,p=1$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(make([]byte, 32))
	hasher, _, err := caddyauth.DecodeHash([]byte(like))
	if err != nil {
		return "", err
	}
	hash, err := hasher.Hash([]byte(password))
	return string(hash), err
}

// Compare implements admin.Passwords.
func (commandPasswords) Compare(hash, password string) (bool, error) {
	return caddyauth.Argon2idHash{}.Compare([]byte(hash), []byte(password))
}

// passwordFlags declares where a password comes from. As an argument it would
// show in process lists.
func (o *options) passwordFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.account.passwordStdin, "password-stdin", false, "Read a password from standard input, or ask for it on a terminal")
	cmd.Flags().StringVar(&o.account.passwordFile, "password-file", "", "File to read a password from")
	cmd.MarkFlagsMutuallyExclusive("password-stdin", "password-file")
}

// password reads the password that a flag says where to find. given says whether one does.
func (s *session) password() (password string, given bool, err error) {
	if !s.account.passwordStdin && s.account.passwordFile == "" {
		return "", false, nil
	}
	password, err = s.readSecret("password", s.account.passwordFile)
	return password, true, err
}
