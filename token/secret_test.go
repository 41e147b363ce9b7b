package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	"math/bits"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tokenreeve/tokenreeve/token"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// The parts of a minted secret, as the documentation gives them.
const (
	bodyLength   = 32
	checkLength  = 6
	mintedLength = len(token.Prefix) + bodyLength + checkLength
)

func mint(t *testing.T, random io.Reader) string {
	t.Helper()
	secret, err := token.Mint(random)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

// sign puts the checksum behind text, by big numbers rather than by a loop like
// that of the code under test.
func sign(text string) string {
	n := new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(text))))
	digits := n.Text(62) // 0-9, a-z, A-Z
	digits = strings.Repeat("0", checkLength-len(digits)) + digits
	return text + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, digits)
}

func TestMintedSecretsHaveTheirForm(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := mint(t, rand.Reader)
		body := s[len(token.Prefix) : len(s)-checkLength]
		if len(s) != mintedLength || !strings.HasPrefix(s, "trv_") || strings.Trim(body, base62) != "" {
			t.Fatalf("%q has not the form trv_, 32 characters, checksum", s)
		}
		if s != sign(token.Prefix+body) {
			t.Fatalf("%q has the wrong checksum; want %q", s, sign(token.Prefix+body))
		}
		if !token.WellFormed(s) || seen[s] {
			t.Fatalf("%q: well-formed %v, seen before %v", s, token.WellFormed(s), seen[s])
		}
		seen[s] = true
	}
}

// A source that fails makes an error, never a weaker secret.
func TestMintNeedsItsRandomness(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name   string
		random io.Reader
		want   error
	}{
		{"it fails at once", iotest.ErrReader(broken), broken},
		{"it fails late", io.MultiReader(bytes.NewReader(make([]byte, 31)), iotest.ErrReader(broken)), broken},
		{"it is empty", strings.NewReader(""), io.EOF},
		{"it ends a byte early", bytes.NewReader(make([]byte, 31)), io.ErrUnexpectedEOF},
		{"it ends since a byte was thrown away", bytes.NewReader(append(make([]byte, 31), 255)), io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			secret, err := token.Mint(test.random)
			if !errors.Is(err, test.want) {
				t.Errorf("got the error %v, want %v", err, test.want)
			}
			if secret.Reveal() != "" {
				t.Errorf("got the secret %q with the error", secret.Reveal())
			}
		})
	}
	if s := mint(t, iotest.OneByteReader(bytes.NewReader(make([]byte, 32)))); !token.WellFormed(s) {
		t.Errorf("%q, out of single bytes, is not well-formed", s)
	}
}

// Bytes from 248 on would make the first characters likelier (256 = 4*62 + 8):
// they are thrown away. Each of the others decides on one character, four of
// them on the same.
func TestMintHasNoModuloBias(t *testing.T) {
	zeros := strings.Repeat("0", bodyLength-1)
	counts := map[byte]int{}
	for b := range 256 {
		first := append([]byte{byte(b)}, make([]byte, bodyLength-1)...)
		second := bytes.Repeat([]byte{1}, bodyLength)
		body := mint(t, bytes.NewReader(append(first, second...)))[len(token.Prefix):][:bodyLength]
		switch {
		case b >= 248 && body != zeros+"1":
			t.Errorf("byte %d is used: %s", b, body)
		case b < 248 && body[1:] != zeros:
			t.Errorf("byte %d is thrown away: %s", b, body)
		case b < 248:
			counts[body[0]]++
		}
	}
	for _, c := range []byte(base62) {
		if counts[c] != 4 {
			t.Errorf("%c comes from %d bytes, want 4", c, counts[c])
		}
	}
}

func TestEveryCharacterIsAboutEquallyLikely(t *testing.T) {
	random := mathrand.NewChaCha8([32]byte{1}) // reproducible
	const secrets = 6200
	var counts [256]int
	for range secrets {
		for _, c := range []byte(mint(t, random)[4 : 4+bodyLength]) {
			counts[c]++
		}
	}
	const want = secrets * bodyLength / 62 // 3200, standard deviation 56
	for _, c := range []byte(base62) {
		if counts[c] < want-5*56 || counts[c] > want+5*56 {
			t.Errorf("%c appears %d times, want about %d", c, counts[c], want)
		}
	}
}

func TestWellFormed(t *testing.T) {
	body := "0123456789ABCDEFGHIJKLMNOPQRSTUV"
	minted := sign(token.Prefix + body)
	for _, test := range []struct {
		name, text string
		want       bool
	}{
		{"a minted secret", minted, true},
		{"one of zeros", sign(token.Prefix + strings.Repeat("0", 32)), true},
		{"the documented example's parts", token.Prefix + body + minted[36:], true},
		{"the prefix alone", "trv_", false},
		{"without checksum", token.Prefix + body, false},
		{"a checksum of zeros", token.Prefix + body + "000000", false},
		{"a checksum over the body alone", token.Prefix + body + sign(body)[32:], false},
		{"in lower case", strings.ToLower(minted), false},
		{"with a blank behind", minted + " ", false},
		{"with a line break behind", minted + "\n", false},
		// The checksum is no secret: whoever computes it must still keep the form.
		{"a longer body with a right checksum", sign(token.Prefix + body + "0"), false},
		{"a shorter body with a right checksum", sign(token.Prefix + body[1:]), false},
		{"a body of other characters with a right checksum", sign(token.Prefix + body[1:] + "-"), false},
		{"a body with a blank and a right checksum", sign(token.Prefix + body[1:] + " "), false},
		{"a body with NUL and a right checksum", sign(token.Prefix + body[1:] + "\x00"), false},
		{"a body with broken UTF-8 and a right checksum", sign(token.Prefix + body[1:] + "\xff"), false},
		{"nothing", "", false},
		{"a foreign one of 18 bytes", strings.Repeat("x", 18), false},
		{"a foreign one of 19 bytes", strings.Repeat("x", 19), true},
		{"a foreign one of 512 bytes", strings.Repeat("x", 512), true},
		{"a foreign one of 513 bytes", strings.Repeat("x", 513), false},
		{"a UUID", "123e4567-e89b-12d3-a456-426614174000", true},
		{"every visible ASCII character", visible(), true},
		{"a blank inside", "0123456789 0123456789", false},
		{"a blank at the end", "01234567890123456789 ", false},
		{"a tab", "0123456789\t0123456789", false},
		{"a line break", "0123456789\n0123456789", false},
		{"NUL", "0123456789\x000123456789", false},
		{"DEL", "0123456789\x7f0123456789", false},
		{"non-ASCII", "0123456789é0123456789", false},
		{"a no-break space", "0123456789\u00a00123456789", false},
		{"broken UTF-8", "0123456789\xff0123456789", false},
		{"another case of the prefix: foreign", "TRV_" + minted[4:], true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := token.WellFormed(test.text); got != test.want {
				t.Errorf("WellFormed(%q) is %v, want %v", test.text, got, test.want)
			}
			// Import takes exactly what a request can carry: no imported secret
			// that never works, none that works but could not be imported.
			secret, err := token.Import(test.text)
			if (err == nil) != test.want || err != nil && !errors.Is(err, token.ErrForeignSecret) {
				t.Errorf("Import gives the error %v", err)
			}
			if want := map[bool]string{true: test.text}[test.want]; secret.Reveal() != want {
				t.Errorf("Import gives %q, want %q", secret.Reveal(), want)
			}
		})
	}
}

func visible() string {
	var b []byte
	for c := byte('!'); c < 0x7f; c++ {
		b = append(b, c)
	}
	return string(b)
}

// oneEditAway yields every string that one typing error makes of s: a byte
// replaced, put in or left out, or two neighbours swapped.
func oneEditAway(s string, alphabet []byte, yield func(string)) {
	for i := range len(s) + 1 {
		for _, c := range alphabet {
			yield(s[:i] + string([]byte{c}) + s[i:])
			if i < len(s) {
				yield(s[:i] + string([]byte{c}) + s[i+1:])
			}
		}
		if i < len(s) {
			yield(s[:i] + s[i+1:])
		}
		if i+1 < len(s) {
			yield(s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:])
		}
	}
}

// checkEdits holds every edit of a minted secret against the property: what
// still begins with the prefix is refused without a look-up; what does not is
// another system's secret by its looks, hence just an unknown one.
func checkEdits(t *testing.T, minted string, alphabet []byte) {
	t.Helper()
	if !token.WellFormed(minted) {
		t.Fatalf("%q is minted and not well-formed", minted)
	}
	oneEditAway(minted, alphabet, func(edited string) {
		switch {
		case edited == minted:
		case strings.HasPrefix(edited, token.Prefix):
			if token.WellFormed(edited) {
				t.Errorf("%q is accepted; minted was %q", edited, minted)
			}
		case token.Hash(edited) == token.Hash(minted):
			t.Errorf("%q and %q have one digest", edited, minted)
		}
	})
}

// A secret is found wherever it stands, behind whatever looks like one.
func TestContainsSecret(t *testing.T) {
	s := mint(t, rand.Reader)
	for text, want := range map[string]bool{
		s:                                true,
		s + " is the secret":             true,
		"the secret is " + s:             true,
		"trv_" + s:                       true,
		"trv_x of " + s + "x":            true,
		s[:len(s)-1] + s:                 true,
		"":                               false,
		"trv_":                           false,
		s[:len(s)-1]:                     false,
		s[1:]:                            false,
		strings.ToUpper(s):               false,
		"a-long-secret-of-somebody's":    false,
		s[:len(s)-1] + "-":               false,
		"trv_" + strings.Repeat("0", 38): false,
	} {
		if got := token.ContainsSecret(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestNoTypingErrorPassesTheChecksum(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	random := mathrand.NewChaCha8([32]byte{2})
	for range 20 {
		checkEdits(t, mint(t, random), every)
	}
}

// A source that gives nothing but bytes that stand for no character must not
// keep its caller for ever.
func TestMintFromAStuckSourceIsAnError(t *testing.T) {
	if s, err := token.Mint(bytes.NewReader(bytes.Repeat([]byte{0xff}, 1<<20))); err == nil {
		t.Errorf("minted %q", s.Reveal())
	}
}

func FuzzNoTypingErrorPassesTheChecksum(f *testing.F) {
	f.Add(make([]byte, 32), byte('x'))
	f.Add(bytes.Repeat([]byte{61}, 32), byte('0'))
	f.Add([]byte("01230123012301230123012301230123"), byte('4'))
	f.Fuzz(func(t *testing.T, seed []byte, c byte) {
		// The fuzzer chooses the secret; a fixed stream fills up what is missing.
		s, err := token.Mint(io.MultiReader(bytes.NewReader(seed), mathrand.NewChaCha8([32]byte{3})))
		if err != nil {
			return // a source that is stuck at bytes that stand for nothing
		}
		checkEdits(t, s.Reveal(), []byte{c, '0', '4', '_', 'z'})
	})
}

// CRC-32 finds every change of up to 32 bits in a row of its text, and numbers
// have one spelling in base 62. That leaves one edit: swapping the last
// character of the body with the first of the checksum, which changes both.
// It is found as well, and here is why: a CRC is below 5*62^5, so the checksum
// begins with 0 to 4. For the swap to pass, the body must end in one of these
// too; it then changes in bits 0 to 2 of its last byte, and the CRC by one of the
// 7 words below, XORed. The checksum, however, changes by a multiple of 62^5,
// which 2^5 divides: no word without 5 zeros at its end can do that.
func TestSwapAcrossTheChecksumsBorderIsFound(t *testing.T) {
	for d := 1; d < 8; d++ {
		if word := crc32.IEEETable[d]; bits.TrailingZeros32(word) >= 5 {
			t.Errorf("change %d of the last character changes the CRC by %032b", d, word)
		}
	}
}

func FuzzWellFormedIsWhatTheDocumentationSays(f *testing.F) {
	f.Add("")
	f.Add(sign("trv_0123456789ABCDEFGHIJKLMNOPQRSTUV"))
	f.Add(strings.Repeat("x", 19))
	f.Add(strings.Repeat("é", 10))
	f.Fuzz(func(t *testing.T, s string) {
		want := len(s) >= 19 && len(s) <= 512
		for _, c := range s {
			want = want && c > ' ' && c < 0x7f
		}
		if rest, ok := strings.CutPrefix(s, "trv_"); ok {
			want = len(rest) == 38 && s == sign(s[:36])
			for _, c := range rest {
				want = want && strings.ContainsRune(base62, c)
			}
		}
		if got := token.WellFormed(s); got != want {
			t.Errorf("WellFormed(%q) is %v, want %v", s, got, want)
		}
		// The fuzzer can't compute checksums; help it past them.
		if len(s) == bodyLength {
			signed := sign(token.Prefix + s)
			inBase62 := !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(base62, r) })
			if got := token.WellFormed(signed); got != inBase62 {
				t.Errorf("WellFormed(%q) is %v, want %v", signed, got, inBase62)
			}
		}
	})
}

func TestHintShowsFourCharactersOnly(t *testing.T) {
	minted := sign("trv_0123456789ABCDEFGHIJKLMNOPQRSTUV")
	for text, want := range map[string]string{
		minted:                  "trv_…" + minted[38:],
		"sk-0123456789abcdefgh": "…efgh",
	} {
		secret, err := token.Import(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := secret.Hint(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (token.Secret{}).Hint(); got != "…" {
		t.Errorf("the zero Secret has the hint %q", got)
	}
}

// Invariant 3: no secret in a log or an error, however clumsily it gets there.
func TestSecretNeverShows(t *testing.T) {
	minted, err := token.Mint(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := token.Import("sk-live-0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	type exported struct{ Secret token.Secret }
	type unexported struct{ secret token.Secret }
	type nested struct {
		inner *unexported
		list  []token.Secret
		byKey map[token.Secret]unexported
		any   any
	}
	for _, s := range []token.Secret{minted, foreign} {
		text := s.Reveal()
		values := map[string]any{
			"the secret":                    s,
			"a pointer":                     &s,
			"a pointer to a pointer":        func() any { p := &s; return &p }(),
			"a struct":                      exported{s},
			"a pointer to a struct":         &exported{s},
			"an unexported field":           unexported{s},
			"a pointer to unexported field": &unexported{s},
			"a map's value":                 map[string]token.Secret{"k": s},
			"a map's key":                   map[token.Secret]int{s: 1},
			"a map of structs":              map[string]unexported{"k": {s}},
			"a slice":                       []token.Secret{s},
			"a slice of any":                []any{s, &s, unexported{s}},
			"deep down":                     nested{&unexported{s}, []token.Secret{s}, map[token.Secret]unexported{s: {s}}, s},
			"a pointer to deep down":        &nested{&unexported{s}, []token.Secret{s}, map[token.Secret]unexported{s: {s}}, &s},
			"a bound method's receiver":     s.Digest,
		}
		for name, value := range values {
			t.Run(name, func(t *testing.T) {
				for _, verb := range []string{
					"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x",
					"%d", "%t", "%c", "%b", "%o", "%U", "%e", "%g", "%p", "%T", "%w", "%99v", "%.99s",
				} {
					wantHidden(t, "fmt "+verb, fmt.Sprintf(verb, value), text)
				}
				wantHidden(t, "Sprint", fmt.Sprint(value), text)
				wantHidden(t, "Sprintln", fmt.Sprintln(value), text)
				wantHidden(t, "an error", fmt.Errorf("creating %v: %w", value, io.EOF).Error(), text)
				out, err := json.Marshal(value)
				wantHidden(t, "JSON", fmt.Sprint(string(out), err), text)
				out, err = json.Marshal(map[string]any{"v": value})
				wantHidden(t, "JSON in a map", fmt.Sprint(string(out), err), text)
				out, err = xml.Marshal(value)
				wantHidden(t, "XML", fmt.Sprint(string(out), err), text)
				var log bytes.Buffer
				for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
					slog.New(handler).With("with", value).Info(fmt.Sprint(value), "key", value, slog.Group("g", "in", value))
				}
				wantHidden(t, "slog", log.String(), text)
			})
		}
	}
	if got := fmt.Sprint(minted); got != "[secret]" {
		t.Errorf("the mask is %q", got)
	}
	if got, _ := json.Marshal(exported{minted}); string(got) != `{"Secret":"[secret]"}` {
		t.Errorf("as JSON it is %s", got)
	}
}

// wantHidden looks for the secret, as text or in hexadecimal, and for a part of it.
func wantHidden(t *testing.T, where, output, secret string) {
	t.Helper()
	part := secret[len(secret)-12:]
	spaced := fmt.Sprintf("% x", part)
	lower := strings.ToLower(output)
	if strings.Contains(output, part) || strings.Contains(lower, hex.EncodeToString([]byte(part))) || strings.Contains(lower, spaced) {
		t.Errorf("%s shows it: %s", where, output)
	}
}

func TestErrorsOfSecretsDoNotQuoteThem(t *testing.T) {
	_, err := token.Import("trv_not-one-of-ours-0123456789")
	wantHidden(t, "Import", fmt.Sprint(err), "trv_not-one-of-ours-0123456789")
}

func TestHashIsSHA256(t *testing.T) {
	for _, n := range []int{0, 1, 18, 19, 42, 63, 64, 65, 127, 512, 100_000} {
		text := strings.Repeat("k", n)
		if got, want := token.Hash(text), sha256.Sum256([]byte(text)); got != token.Digest(want) {
			t.Errorf("%d bytes: got %x, want %x", n, got, want)
		}
	}
	secret, err := token.Mint(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if secret.Digest() != token.Hash(secret.Reveal()) {
		t.Error("Secret.Digest is not the Hash of its text")
	}
}

// Invariant 7: what every request does allocates nothing.
func TestHashAndWellFormedAllocateNothing(t *testing.T) {
	minted := mint(t, rand.Reader)
	foreign := strings.Repeat("x", 512)
	var sink token.Digest
	if n := testing.AllocsPerRun(100, func() { sink = token.Hash(minted) }); n != 0 {
		t.Errorf("Hash of a minted secret allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if !token.WellFormed(minted) || !token.WellFormed(foreign) {
			t.Error("not well-formed")
		}
	}); n != 0 {
		t.Errorf("WellFormed allocates %v times", n)
	}
	_ = sink
}

func BenchmarkHash(b *testing.B) {
	secret, err := token.Mint(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	text := secret.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		token.Hash(text)
	}
}

func BenchmarkWellFormed(b *testing.B) {
	secret, err := token.Mint(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	text := secret.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		token.WellFormed(text)
	}
}

// The digests are those of Strapi: crypto.createHmac("sha512", salt).update(secret).digest("hex").
func TestSaltedDigests(t *testing.T) {
	const hash = "4206ad525e2f6bcd50e3129e5cd39864ae44b2a4207bde827677f2e14552c6083132831726fe9345174321ba3f97cbbabf6720a33b0a249031110c7caef56443"
	parsed, err := token.ParseDigest(token.HMACSHA512, hash)
	if err != nil || parsed != token.HashSalted("a salt", "a secret of Strapi") {
		t.Errorf("got %x, %v", parsed, err)
	}
	if parsed == token.Hash(hash) {
		t.Error("what Strapi stored would be a secret")
	}
	plain := token.Hash("a secret of Strapi")
	if parsed, err := token.ParseDigest(token.SHA256, fmt.Sprintf("%X", plain)); err != nil || parsed != plain {
		t.Errorf("got %x, %v", parsed, err)
	}
	for _, test := range []struct {
		scheme token.Scheme
		text   string
	}{
		{token.HMACSHA512, hash[2:]},
		{token.HMACSHA512, hash[:64]},
		{token.SHA256, hash},
		{token.SHA256, ""},
		{token.SHA256, strings.Repeat("g", 64)},
		{"md5", strings.Repeat("0", 32)},
		{"md5", ""},
	} {
		if _, err := token.ParseDigest(test.scheme, test.text); err == nil || test.text != "" && strings.Contains(err.Error(), test.text) {
			t.Errorf("%s %q: %v", test.scheme, test.text, err)
		}
	}
}
