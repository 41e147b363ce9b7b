package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// A minted secret is Prefix, randomLength base62 characters and a checksum of
// all of these. The prefix makes it findable for secret scanners, the checksum
// lets typos and junk be refused without a look-up.
const (
	Prefix         = "trv_"
	randomLength   = 32 // base62 characters: 190 bits
	checksumLength = 6
	secretLength   = len(Prefix) + randomLength + checksumLength
)

// Lengths in bytes that a secret minted elsewhere may have. The lower bound
// keeps secrets that can be guessed out (security rule 20).
const (
	MinForeignSecret = 19
	MaxForeignSecret = 512
)

// Secret is what a client sends. It prints, logs and marshals as a mask; only
// Reveal gives the text. That stands behind a pointer, since package fmt asks no
// method of what is in an unexported field, but prints what it finds: here, an address.
type Secret struct{ text *string }

// Reveal returns the text of the secret, to be shown once to its owner. The
// zero Secret has none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns a mask, so that a secret that is logged by mistake shows nothing.
func (Secret) String() string { return "[secret]" }

// GoString masks the secret in %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText masks the secret in JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Mint makes a new secret from the given source of randomness. A source that
// fails makes an error, never a weaker secret.
func Mint(random io.Reader) (Secret, error) {
	body, err := randomBase62(random, randomLength)
	if err != nil {
		return Secret{}, fmt.Errorf("minting a secret: %w", err)
	}
	text := Prefix + body
	text += checksum(text)
	return Secret{&text}, nil
}

// ErrForeignSecret says why a secret minted elsewhere can't be imported.
var ErrForeignSecret = errors.New("a secret must be 19 to 512 visible ASCII characters, and one that begins with " + Prefix + " must have been minted by Tokenreeve")

// Import takes over a secret that another system minted, so that its clients
// need not change. It returns ErrForeignSecret for one that WellFormed refuses.
func Import(text string) (Secret, error) {
	if !WellFormed(text) {
		return Secret{}, ErrForeignSecret
	}
	return Secret{&text}, nil
}

// WellFormed reports whether text can be a secret at all: a minted one with an
// intact checksum, or a foreign one of MinForeignSecret to MaxForeignSecret
// bytes of visible ASCII. It asks no store.
func WellFormed(text string) bool {
	if strings.HasPrefix(text, Prefix) {
		return len(text) == secretLength && checksumMatches(text)
	}
	if len(text) < MinForeignSecret || len(text) > MaxForeignSecret {
		return false
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// ContainsSecret reports whether a minted secret stands anywhere in text, as in a
// description where somebody pasted one.
func ContainsSecret(text string) bool {
	for {
		i := strings.Index(text, Prefix)
		if i < 0 || len(text)-i < secretLength {
			return false
		}
		if WellFormed(text[i : i+secretLength]) {
			return true
		}
		text = text[i+len(Prefix):]
	}
}

// Hint returns what identifies the secret to people without giving it away:
// its prefix, if minted here, and its last four characters.
func (s Secret) Hint() string {
	text := s.Reveal()
	tail := "…" + text[max(0, len(text)-4):]
	if strings.HasPrefix(text, Prefix) {
		return Prefix + tail
	}
	return tail
}

// Scheme names how the stored hash of a secret is computed.
type Scheme string

// SHA256 is the scheme of every secret whose text was known here: one round is
// enough, since nobody guesses a secret of 190 random bits.
const SHA256 Scheme = "sha256"

// HMACSHA512 is the scheme of secrets of which only Strapi's hash was known here:
// the HMAC-SHA512 of the text under a salt that the gateway is told. Of its 64 bytes
// the first 32 are stored. That is not the digest of anything that a client can send, so
// what Strapi stored lets nobody in.
const HMACSHA512 Scheme = "hmac-sha512"

// Known reports whether there is such a scheme.
func (s Scheme) Known() bool { return s == SHA256 || s == HMACSHA512 }

// Digest is a hashed secret, the only form in which stores and caches know it.
type Digest [sha256.Size]byte

// HashSalted returns the digest of the text of a secret under the scheme HMACSHA512.
func HashSalted(salt, text string) Digest {
	mac := hmac.New(sha512.New, []byte(salt))
	mac.Write([]byte(text))
	return Digest(mac.Sum(nil)[:len(Digest{})])
}

// ParseDigest reads what another system stored of a secret under the scheme, in
// hexadecimal digits.
func ParseDigest(scheme Scheme, text string) (Digest, error) {
	size := map[Scheme]int{SHA256: sha256.Size, HMACSHA512: sha512.Size}[scheme]
	hash, err := hex.DecodeString(text)
	if size == 0 || err != nil || len(hash) != size {
		return Digest{}, fmt.Errorf("this is not a hash of the scheme %s, which has %d hexadecimal digits", scheme, 2*size)
	}
	return Digest(hash[:len(Digest{})]), nil
}

// Hash returns the digest of the text of a secret under the scheme SHA256.
func Hash(text string) Digest {
	// A minted secret fits on the stack, so hashing it allocates nothing.
	var short [64]byte
	if len(text) <= len(short) {
		return sha256.Sum256(short[:copy(short[:], text)])
	}
	return sha256.Sum256([]byte(text))
}

// Digest returns the digest of the secret under the scheme SHA256.
func (s Secret) Digest() Digest { return Hash(s.Reveal()) }

func checksumMatches(text string) bool {
	var want [checksumLength]byte
	split := len(text) - checksumLength
	putChecksum(&want, text[:split])
	return string(want[:]) == text[split:] && isBase62(text[len(Prefix):split])
}

func checksum(text string) string {
	var c [checksumLength]byte
	putChecksum(&c, text)
	return string(c[:])
}

// putChecksum writes the CRC-32 of text in base62, as GitHub's tokens have it
// (https://github.blog/engineering/behind-githubs-new-authentication-token-formats/).
func putChecksum(c *[checksumLength]byte, text string) {
	// crc32.ChecksumIEEE wants a slice that outlives the stack: an allocation for every request.
	sum := ^uint32(0)
	for i := range len(text) {
		sum = crc32.IEEETable[byte(sum&0xff)^text[i]] ^ sum>>8
	}
	sum = ^sum
	for i := checksumLength - 1; i >= 0; i-- {
		c[i] = base62[sum%62]
		sum /= 62
	}
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomBase62 draws n characters, each equally likely: bytes past the last
// multiple of 62 are thrown away. A source that gives nothing else is an error.
func randomBase62(random io.Reader, n int) (string, error) {
	out := make([]byte, 0, n)
	buf := make([]byte, n)
	for range 64 {
		if _, err := io.ReadFull(random, buf); err != nil {
			return "", err
		}
		for _, b := range buf {
			if b < 4*62 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
		if len(out) == n {
			return string(out), nil
		}
	}
	return "", errors.New("the source of randomness is stuck")
}

func isBase62(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return s != ""
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
