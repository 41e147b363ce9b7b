package token_test

import (
	"bytes"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/token"
)

// swapLetters returns s with upper case for lower case and the other way round.
func swapLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if upper := strings.ToUpper(string(r)); upper != string(r) {
			return rune(upper[0])
		}
		return rune(strings.ToLower(string(r))[0])
	}, s)
}

// checkEdited holds an edit of a minted secret against what the documentation
// says: it is refused by its form. Only who breaks the prefix itself gets what
// looks like a secret of another system: that is unknown, as its digest is
// another one.
func checkEdited(t *testing.T, what, edited, minted string) {
	t.Helper()
	switch ours := strings.HasPrefix(edited, token.Prefix); {
	case edited == minted:
	case ours && token.WellFormed(edited):
		t.Errorf("%s: %q is accepted; minted was %q", what, edited, minted)
	case token.Hash(edited) == token.Hash(minted):
		t.Errorf("%s: %q and %q have one digest", what, edited, minted)
	}
}

func swapped(s string, i, j int) string {
	b := []byte(s)
	b[i], b[j] = b[j], b[i]
	return string(b)
}

// Security rule 20: beside the errors of typing, those of copying: two
// characters that changed places, however far apart, letters in the other case,
// a piece that is missing or stands there twice. The checksum finds 32 bits in
// a row for certain and anything else but for one time in 2^32; the secrets
// here are always the same ones.
func TestNoCopyingErrorPassesTheChecksum(t *testing.T) {
	random := mathrand.NewChaCha8([32]byte{4})
	for range 20 {
		minted := mint(t, random)
		checkEdited(t, "case swapped", swapLetters(minted), minted)
		checkEdited(t, "case swapped behind the prefix", token.Prefix+swapLetters(minted[4:]), minted)
		checkEdited(t, "upper case behind the prefix", token.Prefix+strings.ToUpper(minted[4:]), minted)
		checkEdited(t, "lower case", strings.ToLower(minted), minted)
		checkEdited(t, "written twice", minted+minted, minted)
		checkEdited(t, "checksum of another", minted[:36]+mint(t, random)[36:], minted)
		for i := range minted {
			checkEdited(t, "cut", minted[:i], minted)
			checkEdited(t, "beginning cut", minted[i:], minted)
			checkEdited(t, "one case swapped", minted[:i]+swapLetters(minted[i:i+1])+minted[i+1:], minted)
			for j := range i {
				checkEdited(t, "changed places", swapped(minted, i, j), minted)
				checkEdited(t, "a piece is missing", minted[:j]+minted[i:], minted)
			}
		}
	}
}

// FuzzMintedIsAcceptedAndNothingOneEditAway lets the fuzzer choose the secret
// and the edit.
func FuzzMintedIsAcceptedAndNothingOneEditAway(f *testing.F) {
	for _, i := range []uint8{0, 3, 4, 20, 35, 36, 41, 42} {
		f.Add(bytes.Repeat([]byte{i}, 32), i, 41-i%42, "x")
		f.Add([]byte{i}, i, i+1, "\u017f")
	}
	f.Fuzz(func(t *testing.T, seed []byte, first, second uint8, text string) {
		secret, err := token.Mint(io.MultiReader(bytes.NewReader(seed), mathrand.NewChaCha8([32]byte{5})))
		if err != nil {
			return // a source that is stuck at bytes that stand for nothing
		}
		minted := secret.Reveal()
		again, err := token.Import(minted)
		if !token.WellFormed(minted) || err != nil || again.Digest() != secret.Digest() {
			t.Fatalf("%q is minted and not accepted: %v", minted, err)
		}
		i, j := int(first)%len(minted), int(second)%len(minted)
		for _, c := range []byte(text + minted[j:j+1]) {
			checkEdited(t, "replaced", minted[:i]+string([]byte{c})+minted[i+1:], minted)
			checkEdited(t, "put in", minted[:i]+string([]byte{c})+minted[i:], minted)
			checkEdited(t, "put behind", minted+string([]byte{c}), minted)
		}
		checkEdited(t, "left out", minted[:i]+minted[i+1:], minted)
		checkEdited(t, "changed places", swapped(minted, i, j), minted)
		checkEdited(t, "case swapped", minted[:i]+swapLetters(minted[i:]), minted)
		checkEdited(t, "text put in", minted[:i]+text+minted[i:], minted)
	})
}
