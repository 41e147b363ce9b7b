package caddymodule

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// secretParts are the parts of one secret that must be nowhere, in lower case.
type secretParts struct {
	kind  string
	parts []string
}

// partLength and partStep make any 18 characters of a secret hold a part.
const partLength, partStep = 12, 6

func partsOf(tokens map[string]testToken) (all []secretParts) {
	for kind, tok := range tokens {
		p := secretParts{kind: kind}
		for i := len("trv_"); i+partLength <= len(tok.secret); i += partStep {
			p.parts = append(p.parts, strings.ToLower(tok.secret[i:i+partLength]))
		}
		for skip := range 3 { // whatever stands before it
			code := base64.RawStdEncoding.EncodeToString([]byte("user"[:skip] + tok.secret))
			p.parts = append(p.parts, strings.ToLower(code[4:28]), strings.ToLower(code[28:52]))
		}
		all = append(all, p)
	}
	return all
}

// searchSecrets looks for the secrets in a text, as it is and with what is encoded
// in it decoded. It returns what it found and where.
func searchSecrets(text string, all []secretParts) (found []string) {
	raw := strings.ToLower(text)
	seen := map[string]bool{}
	for _, form := range []string{raw, percentDecoded(raw), percentDecoded(percentDecoded(raw)), jsonDecoded(raw), percentDecoded(jsonDecoded(raw))} {
		for _, secret := range all {
			for _, part := range secret.parts {
				if at := strings.Index(form, part); at >= 0 && !seen[secret.kind] {
					seen[secret.kind] = true
					found = append(found, fmt.Sprintf("the secret of %s: …%s…", secret.kind, form[max(0, at-300):min(len(form), at+100)]))
				}
			}
		}
	}
	return found
}

// percentDecoded decodes what can be decoded, to lower case.
func percentDecoded(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return strings.ToLower(b.String())
}

// jsonDecoded decodes what stands for a character in JSON, to lower case.
func jsonDecoded(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		if i++; text[i] == 'u' && i+4 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+5], 16, 16); err == nil {
				b.WriteRune(rune(c))
				i += 4
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return strings.ToLower(b.String())
}

// hasNoSecret fails the test if a text has a secret.
func hasNoSecret(t *testing.T, where, text string, all []secretParts) {
	t.Helper()
	for _, what := range searchSecrets(text, all) {
		t.Errorf("%s has %s", where, what)
	}
}

// filesHaveNoSecret looks into all files of a folder, among them the logs and the
// database with its write-ahead log.
func filesHaveNoSecret(t *testing.T, dir string, all []secretParts, wanted ...string) {
	t.Helper()
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen[d.Name()] = len(text) > 0
		hasNoSecret(t, d.Name(), string(text), all)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range wanted {
		if !seen[name] {
			t.Errorf("there is no %s, or nothing in it", name)
		}
	}
}

// fetch returns the answer of Caddy's admin endpoint.
func fetch(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %d %v %s", address, resp.StatusCode, err, text)
	}
	return fmt.Sprint(resp.Header) + string(text)
}

// place is where a value is: a struct and its first field have one address.
type place struct {
	address uintptr
	kind    reflect.Type
}

// everyString collects all texts and bytes that a value holds or points to,
// through fields of any name.
func everyString(v reflect.Value, seen map[place]bool, found *strings.Builder) {
	switch kind := v.Kind(); {
	case kind == reflect.String:
		found.WriteString(v.String() + "\n")
	case kind == reflect.Pointer:
		at := place{v.Pointer(), v.Type()}
		if v.IsNil() || seen[at] {
			return
		}
		seen[at] = true
		everyString(v.Elem(), seen, found)
	case kind == reflect.Interface:
		everyString(v.Elem(), seen, found)
	case kind == reflect.Struct && strings.HasPrefix(v.Type().String(), "atomic.Pointer["): // what it holds has no type
		everyString(reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).MethodByName("Load").Call(nil)[0], seen, found)
	case kind == reflect.Struct:
		for _, field := range v.Fields() {
			everyString(field, seen, found)
		}
	case (kind == reflect.Slice || kind == reflect.Array) && v.Type().Elem().Kind() == reflect.Uint8:
		for i := range v.Len() {
			found.WriteByte(byte(v.Index(i).Uint()))
		}
		found.WriteByte('\n')
	case kind == reflect.Slice || kind == reflect.Array:
		for i := range v.Len() {
			everyString(v.Index(i), seen, found)
		}
	case kind == reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			everyString(entries.Key(), seen, found)
			everyString(entries.Value(), seen, found)
		}
	}
}

// The search finds a secret in every form, or it would prove nothing.
func TestSecretSearch(t *testing.T) {
	tokens := map[string]testToken{"odd": {secret: oddSecret}, "minted": {secret: mint(t).Reveal()}}
	all := partsOf(tokens)
	for kind, tok := range tokens {
		encoded := ""
		for i := range len(tok.secret) {
			encoded += fmt.Sprintf("%%%02x", tok.secret[i])
		}
		inJSON, err := json.Marshal(tok.secret)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{
			"raw": tok.secret, "first half": tok.secret[:22], "second half": tok.secret[21:], "upper case": strings.ToUpper(tok.secret),
			"percent-encoded": encoded, "twice": strings.ReplaceAll(encoded, "%", "%25"), "JSON": string(inJSON),
			"base64": base64.StdEncoding.EncodeToString([]byte(tok.secret)), "basic": base64.StdEncoding.EncodeToString([]byte("user:" + tok.secret)),
		} {
			if found := searchSecrets("x"+text+"x", all); len(found) != 1 || !strings.Contains(found[0], "the secret of "+kind+":") {
				t.Errorf("%s of %s: found %q", form, kind, found)
			}
		}
	}
	for _, kind := range []string{"", "nothing", "tok_0123456789abcdef", "trv_…Yt3d"} {
		if found := searchSecrets(kind, all); found != nil {
			t.Errorf("%s: found %q", kind, found)
		}
	}
	type inner struct{ text []byte }
	var found strings.Builder
	everyString(reflect.ValueOf(&struct {
		m map[string]any
	}{map[string]any{"a": []inner{{[]byte("hidden")}}}}), map[place]bool{}, &found)
	if !strings.Contains(found.String(), "hidden") {
		t.Errorf("the walk found %q", found.String())
	}
}
