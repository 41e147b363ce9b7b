package graphql

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// scan reads a JSON text and says whether it is one.
func scan(data []byte) *Error {
	s := &scanner{data: data}
	if err := s.value(); err != nil {
		return err
	}
	return s.end()
}

func TestScannerRefuses(t *testing.T) {
	for _, test := range []struct{ text, problem string }{
		{"", "ends where a value"},
		{" \n", "ends where a value"},
		// What lenient readers take: comments, quotes, commas, words, numbers.
		{"{/*x*/}", `'/' at byte 2`},
		{"[1,]", "']' at byte 4"},
		{"[,1]", "','"},
		{`{"a":1,}`, "key in double quotes"},
		{"{a:1}", "key in double quotes"},
		{"{'a':1}", "key in double quotes"},
		{`{"a" 1}`, "a colon"},
		{`{"a":1 "b":2}`, "a comma"},
		{"[1 2]", "a comma"},
		{"[1}", "a comma"},
		{`{"a":1]`, "a comma"},
		{"True", "a value"},
		{"nul", "a value"},
		{"NaN", "a value"},
		{"-Infinity", "a digit"},
		{"+1", "a value"},
		{"01", "its end"},
		{"1.", "a digit"},
		{".5", "a value"},
		{"1e", "a digit"},
		{"1e+", "a digit"},
		{"0x1", "its end"},
		// Two texts: one reader takes the first, another the last.
		{"{}{}", "its end"},
		{"{}\x00", "its end"},
		{"{} x", "its end"},
		{"\uFEFF{}", "byte order mark"},
		{"{}\uFEFF", "its end"},
		{"\u00A0{}", "a value"},
		{"\v{}", "a value"},
		{`"`, "ends where the rest of a string"},
		{`"a`, "ends where the rest of a string"},
		{"\"\n\"", "the rest of a string"},
		{"\"\x00\"", "the rest of a string"},
		{`"\x41"`, "a valid escape"},
		{`"\u12"`, "a valid escape"},
		{`"\u12g4"`, "a valid escape"},
		{`"\u{41}"`, "a valid escape"},
		{`"\`, "a valid escape"},
		{`"\"`, "ends where"},
		{strings.Repeat("[", maxNesting+1), "512 levels"},
		{strings.Repeat(`{"a":`, 100_000), "512 levels"},
	} {
		if err := scan([]byte(test.text)); err == nil || !strings.Contains(err.Problem, test.problem) {
			t.Errorf("%.40q: got %v; want %q", test.text, err, test.problem)
		}
	}
}

func TestScannerNestsToItsLimit(t *testing.T) {
	for _, unit := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		for _, n := range []int{maxNesting, maxNesting + 1} {
			text := strings.Repeat(unit[0], n) + "1" + strings.Repeat(unit[1], n)
			if err := scan([]byte(text)); (err == nil) != (n <= maxNesting) {
				t.Errorf("%d times %s: %v", n, unit[0], err)
			}
		}
	}
}

func TestUnescapeAsJSONHasIt(t *testing.T) {
	for text, lone := range map[string]bool{
		`a\"\\\/\b\f\n\r\tz`: false, `\u0071uery`: false, `\u00e9\u65E5`: false, `\ud83d\ude00`: false, `x\uD83D\uDE00y`: false,
		`\ud83d`: true, `\ude00`: true, `\ud83dx`: true, `\ud83d\n`: true, `\ud83d\ud83d\ude00`: true, `\ude00\ud83d`: true, `\ud83d\u0041`: true,
		"": false, `\ufffd`: false,
	} {
		var want string
		if err := json.Unmarshal([]byte(`"`+text+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := unescape([]byte(text)); string(got) != want || ok == lone {
			t.Errorf("%s: got %q, %t; want %q, %t", text, got, ok, want, !lone)
		}
	}
}

// Eight bytes are looked at together; each of them counts for itself.
func TestOrdinaryBytesOfStrings(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			for _, around := range []string{"x", " ", "\x7f", "\x80", "\xff", "!", "#", "[", "]"} {
				text := []byte(strings.Repeat(around, 20))
				text[at] = byte(c)
				want := len(text)
				if c < ' ' || c == '"' || c == '\\' {
					want = at
				}
				if got := ordinary(text); got != want {
					t.Fatalf("%q: %d bytes, want %d", text, got, want)
				}
			}
		}
	}
}

// Whatever the scanner accepts encoding/json accepts, and the other way round, but
// for bad UTF-8, which is refused before, and depth. Strings mean the same.
func FuzzJSONScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "[]", "null", `{"a":[1,-0.5e+10,true,false,null,"\u00e9\ud83d\ude00\n"]}`, "[1,]", "{,}", "01", "\uFEFF{}", "[[]", `"\ud800"`,
		" [ ] ", "{\"a\"\t:\r\n1}", "\"\x7f\"", "1 2", "[\"]\"]", "-", "1.e1", "tru", `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !utf8.Valid(data) {
			return
		}
		err := scan(data)
		if valid := json.Valid(data); valid != (err == nil) && !(valid && err.Code == TooLarge) {
			t.Fatalf("%q: valid is %t, the scanner says %v", data, valid, err)
		}
		var want string
		if err != nil || json.Unmarshal(data, &want) != nil || !strings.Contains(string(data), `"`) {
			return
		}
		s := &scanner{data: data}
		got, err := s.text()
		if err == nil && string(got) != want {
			t.Fatalf("%q: read as %q, encoding/json says %q", data, got, want)
		}
		if err != nil && !strings.ContainsRune(want, utf8.RuneError) {
			t.Fatalf("%q: refused: %v", data, err)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	body := []byte(`{"query":"` + strings.Repeat(`{ a { b } }\n`, 70) + `","variables":{"where":{"id":[1,2,3],"title":"` + strings.Repeat("x", 100) + `"}}}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := scan(body); err != nil || !utf8.Valid(body) {
			b.Fatal(err)
		}
	}
}
