package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/gate"
)

const (
	foreignSecret = "legacy-0123456789abcdefghij"
	mintedHalf    = "trv_0123456789abcdefghij"
)

// newFormat makes the format around Caddy's own json.
func newFormat(tb testing.TB, config string) *LogFormat {
	tb.Helper()
	sources, err := gate.NewSources([]gate.Source{{Place: gate.Authorization, Name: "Bearer"}, {Place: gate.Header, Name: "X-API-Key"}, {Place: gate.Query, Name: "api_token"}}, 1)
	if err != nil {
		tb.Fatal(err)
	}
	redactSources(sources)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: tb.Context()})
	tb.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("caddy.logging.encoders.api_tokens", json.RawMessage(config))
	if err != nil {
		tb.Fatal(err)
	}
	return module.(*LogFormat)
}

// entry makes a log entry with the fields, as a logger would.
func entry(tb testing.TB, encoder zapcore.Encoder, message string, fields ...zap.Field) string {
	tb.Helper()
	line, err := encoder.EncodeEntry(zapcore.Entry{Message: message, Time: time.Unix(0, 0), LoggerName: "test"}, fields)
	if err != nil {
		tb.Fatal(err)
	}
	defer line.Free()
	return line.String()
}

type logged struct {
	Header http.Header
	URL    string `json:"url"`
	Number int64
}

func (logged) Error() string { return "failed at /a?api_token=" + foreignSecret }

// String is for zap.Stringer.
func (logged) String() string { return "secret " + mintedHalf }

// Whatever the type of a field, the entry has no credential and is what it would
// have been otherwise.
func TestLogFormatRedactsEveryField(t *testing.T) {
	f := newFormat(t, "{}")
	header := http.Header{"X-Api-Key": {foreignSecret}, "Accept": {"*/*"}, mintedHalf: {"key"}}
	for name, test := range map[string]struct {
		field zap.Field
		want  string // the field in JSON
	}{
		"string":      {zap.String("uri", "/a?b=1&api_token="+foreignSecret), `"uri":"/a?b=1&api_token=REDACTED"`},
		"path":        {zap.String("uri", "/a/"+mintedHalf), `"uri":"/a/REDACTED"`},
		"by name":     {zap.String("x_api_key", foreignSecret), `"x_api_key":"REDACTED"`},
		"id":          {zap.String("token", "tok_0123456789abcdef"), `"token":"tok_0123456789abcdef"`},
		"strings":     {zap.Strings("a", []string{"b", mintedHalf}), `"a":["b","REDACTED"]`},
		"stringer":    {zap.Stringer("a", logged{}), `"a":"secret REDACTED"`},
		"error":       {zap.Error(logged{}), `"error":"failed at /a?api_token=REDACTED"`},
		"errors":      {zap.Errors("a", []error{errors.New(mintedHalf)}), `"a":[{"error":"REDACTED"}]`},
		"bytes":       {zap.ByteString("a", []byte(mintedHalf)), `"a":"REDACTED"`},
		"binary":      {zap.Binary("a", []byte(mintedHalf)), `"a":"UkVEQUNURUQ="`},
		"byte texts":  {zap.ByteStrings("a", [][]byte{[]byte(mintedHalf)}), `"a":["REDACTED"]`},
		"reflected":   {zap.Reflect("a", logged{header, "/?api_token=" + foreignSecret, 1 << 60}), `"a":{"Header":{"Accept":["*/*"],"REDACTED":["key"],"X-Api-Key":["REDACTED"]},"Number":1152921504606846976,"url":"/?api_token=REDACTED"}`},
		"untouched":   {zap.Reflect("a", logged{nil, "<&>", 1}), `"a":{"Header":null,"url":"<&>","Number":1}`},
		"query":       {zap.Any("a", url.Values{"api_token": {foreignSecret}, "b": {"c"}}), `"a":{"api_token":["REDACTED"],"b":["c"]}`},
		"list of any": {zap.Any("a", []any{1, mintedHalf, nil}), `"a":[1,"REDACTED",null]`},
		"nil":         {zap.Reflect("a", nil), `"a":null`},
		"numbers":     {zap.Any("a", 7), `"a":7`},
		"header":      {zap.Object("headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"X-Api-Key": {foreignSecret, foreignSecret}}}), `"headers":{"X-Api-Key":["REDACTED","REDACTED"]}`},
		"credentials": {zap.Object("headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"Authorization": {"bearer " + foreignSecret}}, ShouldLogCredentials: true}), `"headers":{"Authorization":["bearer REDACTED"]}`},
		"objects":     {zap.Objects("a", []caddyhttp.LoggableHTTPHeader{{Header: http.Header{"X-Api-Key": {foreignSecret}}}}), `"a":[{"X-Api-Key":["REDACTED"]}]`},
		"dictionary":  {zap.Dict("a", zap.String("b", mintedHalf), zap.Dict("c", zap.String("X-API-Key", foreignSecret))), `"a":{"b":"REDACTED","c":{"X-API-Key":"REDACTED"}}`},
		"inline":      {zap.Inline(caddyhttp.LoggableHTTPHeader{Header: header}), `"X-Api-Key":["REDACTED"]`},
		"namespace":   {zap.Namespace(mintedHalf), `"REDACTED":{}`},
		"key":         {zap.Bool(mintedHalf, true), `"REDACTED":true`},
	} {
		for _, format := range []zapcore.Encoder{f, f.Clone()} {
			line := entry(t, format, "m", test.field)
			if !json.Valid([]byte(line)) || !strings.Contains(line, test.want) || strings.Contains(line, foreignSecret) || strings.Contains(line, mintedHalf) {
				t.Errorf("%s: got %swant %s", name, line, test.want)
			}
		}
		var out bytes.Buffer
		zap.New(zapcore.NewCore(f, zapcore.AddSync(&out), zap.DebugLevel)).With(test.field).Info("m")
		if !json.Valid(out.Bytes()) || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s, by With: got %swant %s", name, out.String(), test.want)
		}
	}
}

func TestLogFormatRedactsTheEntry(t *testing.T) {
	for _, config := range []string{`{}`, `{"wrap": {"format": "json"}}`, `{"wrap": {"format": "console"}}`, `{"wrap": {"format": "append", "fields": {"a": "b"}}}`} {
		f := newFormat(t, config)
		line, err := f.EncodeEntry(zapcore.Entry{
			Message: "panic: /?api_token=" + foreignSecret + " " + mintedHalf, LoggerName: mintedHalf, Stack: "main(" + mintedHalf + ")\n\tx.go:1",
			Caller: zapcore.EntryCaller{Defined: true, File: mintedHalf, Line: 1},
		}, []zap.Field{zap.String("a", "b")})
		if err != nil {
			t.Fatal(err)
		}
		if text := line.String(); strings.Contains(text, "trv_") || strings.Contains(text, foreignSecret) || !strings.Contains(text, "panic: /?api_token=REDACTED REDACTED") {
			t.Errorf("%s: %s", config, text)
		}
		line.Free()
	}
}

// In both directions: around another format, and inside one.
func TestLogFormatWithFilter(t *testing.T) {
	for _, config := range []string{
		`{"format": "api_tokens", "wrap": {"format": "filter", "fields": {"request>host": {"filter": "delete"}}}}`,
		`{"format": "filter", "fields": {"request>host": {"filter": "delete"}}, "wrap": {"format": "api_tokens"}}`,
	} {
		newFormat(t, "{}") // for its sources
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		defer cancel()
		holder := &struct {
			Raw json.RawMessage `caddy:"namespace=caddy.logging.encoders inline_key=format"`
		}{json.RawMessage(config)}
		module, err := ctx.LoadModule(holder, "Raw")
		if err != nil {
			t.Fatal(err)
		}
		line := entry(t, module.(zapcore.Encoder), "m", accessFields()...)
		if !json.Valid([]byte(line)) || strings.Contains(line, foreignSecret) || strings.Contains(line, `"host"`) || !strings.Contains(line, `"uri":"/api/articles?page=2&api_token=REDACTED"`) {
			t.Errorf("%s: %s", config, line)
		}
	}
}

// accessFields are those of a line in an access log.
func accessFields() []zap.Field {
	u, _ := url.ParseRequestURI("/api/articles?page=2&api_token=" + foreignSecret)
	r := &http.Request{
		Method: http.MethodGet, URL: u, RequestURI: u.RequestURI(), Proto: "HTTP/2.0", Host: "api.example.com", RemoteAddr: "192.0.2.7:40112",
		Header: http.Header{
			"Accept": {"application/json, text/plain, */*"}, "Accept-Encoding": {"gzip, deflate, br"}, "Accept-Language": {"en-GB,en;q=0.5"},
			"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, "X-Api-Key": {foreignSecret},
			"Authorization": {"Bearer " + mintedHalf}, "Referer": {"https://app.example.com/articles"}, "Sec-Fetch-Mode": {"cors"},
		},
	}
	return []zap.Field{
		zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r}), zap.Int("bytes_read", 0), zap.String("user_id", "tok_0123456789abcdef"),
		zap.Duration("duration", time.Millisecond), zap.Int("size", 100), zap.Int("status", 200),
		zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{"Content-Type": {"application/json"}, "Via": {"1.1 Caddy"}, "Server": {"Caddy"}}}),
	}
}

func BenchmarkLogFormat(b *testing.B) {
	bare := new(logging.JSONEncoder)
	if err := bare.Provision(caddy.Context{}); err != nil {
		b.Fatal(err)
	}
	fields := accessFields()
	for _, test := range []struct {
		name   string
		format zapcore.Encoder
	}{{"json", bare}, {"api_tokens", newFormat(b, "{}")}} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				line, err := test.format.EncodeEntry(zapcore.Entry{Message: "handled request", LoggerName: "http.log.access"}, fields)
				if err != nil {
					b.Fatal(err)
				}
				line.Free()
			}
		})
	}
}

func TestLogFormatInCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"format api_tokens":                                               `{"format":"api_tokens"}`,
		"format api_tokens {\n\t}":                                        `{"format":"api_tokens"}`,
		"format api_tokens {\n\twrap json\n}":                             `{"format":"api_tokens","wrap":{"format":"json"}}`,
		"format api_tokens {\n\twrap console {\n\ttime_format wall\n}\n}": `{"format":"api_tokens","wrap":{"format":"console","time_format":"wall"}}`,
		"format api_tokens json":                                          "surplus word \"json\"",
		"format api_tokens {\n\tfields x\n}":                              "unknown word \"fields\"",
		"format api_tokens {\n\twrap\n}":                                  "wrap takes a log format",
		"format api_tokens {\n\twrap nothing\n}":                          "caddy.logging.encoders.nothing",
		"format api_tokens {\n\twrap json\n\twrap json\n}":                "wrap stands here twice",
	} {
		config, err := adapt("{\n\tlog {\n\t" + text + "\n\t}\n}\n")
		got := string(config)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err != nil && !strings.Contains(got, "Caddyfile:") {
			t.Errorf("%q: got %s; want %s", text, got, want)
		}
	}
}

// hintTests are what is said at the start with a format in log default or
// without, and with these sites.
var hintTests = []struct {
	name               string
	inDefault          bool
	servers, log, from string
	also               string // another site
	level              string // "" if nothing is to be said
	sources, loggers   string
}{
	{name: "authorization", log: "log", from: "authorization Bearer"},
	{name: "no access log", from: "header X-API-Key", level: "info", sources: `"header X-API-Key"`, loggers: `"http.log.error"`},
	{name: "no access log, default", inDefault: true, from: "header X-API-Key"},
	{
		name: "no format", log: "log", from: "header X-API-Key\n\tfrom query api_token",
		level: "warn", sources: `"header X-API-Key","query api_token"`, loggers: `"http.log.access","http.log.error"`,
	},
	{name: "default alone", inDefault: true, log: "log", from: "query api_token"},
	{
		name: "site alone", log: "log {\n\tFILE one.log\n\tformat api_tokens\n}", from: "query api_token",
		level: "warn", sources: `"query api_token"`, loggers: `"http.log.access","http.log.error"`,
	},
	{
		name: "default, and a plain log of the site", inDefault: true, log: "log {\n\tFILE one.log\n}", from: "query api_token",
		level: "warn", sources: `"query api_token"`, loggers: `"http.log.access.log0"`,
	},
	{name: "both", inDefault: true, log: "log {\n\tFILE one.log\n\tformat api_tokens\n}", from: "query api_token"},
	{
		name: "one log of two", inDefault: true, from: "query api_token",
		log:   "log one {\n\tFILE one.log\n\tformat api_tokens\n}\nlog two {\n\tFILE two.log\n\tformat json\n}",
		level: "warn", sources: `"query api_token"`, loggers: `"http.log.access.two"`,
	},
	{
		name: "a site without a gate", inDefault: true, log: "log {\n\tFILE one.log\n\tformat api_tokens\n}", from: "query api_token",
		also:  "http://127.0.0.2METRICS {\n\tlog {\n\tFILE two.log\n\t}\n}\n",
		level: "warn", sources: `"query api_token"`, loggers: `"http.log.access.log1"`,
	},
	{
		name: "a log that routes choose", inDefault: true, from: "query api_token",
		log:   "log {\n\tlevel debug\n\tformat api_tokens\n}\nlog other {\n\tno_hostname\n\tFILE one.log\n}\nlog_name other",
		level: "warn", sources: `"query api_token"`, loggers: `"http.log.access.*"`,
	},
	{name: "thrown away", inDefault: true, log: "log {\n\toutput discard\n}", from: "query api_token"},
	{
		name: "within and around other formats", inDefault: true, from: "header X-API-Key",
		log: "log one {\n\tFILE one.log\n\tformat filter {\n\twrap api_tokens\n\trequest>uri delete\n\t}\n}\nlog two {\n\tFILE two.log\n\tformat api_tokens {\n\twrap filter {\n\trequest>uri delete\n\t}\n\t}\n}",
	},
	{
		name: "sampled", inDefault: true, log: "log {\n\tFILE one.log\n\tsampling {\n\tfirst 1\n\t}\n\tformat filter {\n\trequest>uri delete\n\t}\n}", from: "query api_token",
		level: "warn", sources: `"query api_token"`, loggers: `"http.log.access.log0"`,
	},
	{
		name: "log_credentials", servers: "servers {\n\tlog_credentials\n\t}", log: "log", from: "authorization Bearer",
		level: "warn", sources: `"authorization Bearer"`, loggers: `"http.log.access","http.log.error"`,
	},
	{
		name: "kintone's passwords", log: "log", from: "authorization Bearer\n\tdialect kintone",
		level: "warn", sources: `"header X-Cybozu-Authorization"`, loggers: `"http.log.access","http.log.error"`,
	},
	{name: "log_credentials, default", inDefault: true, servers: "servers {\n\tlog_credentials\n\t}", log: "log", from: "authorization Bearer"},
}

// Whoever has credentials in a log without the format is told so, once for each
// configuration.
func TestLogHint(t *testing.T) {
	const hint = "credentials of requests can show in logs"
	g := newGateway(t, map[string]string{"TOKENS": "cache_ttl 1h", "FILE ": "output file DIR/"})
	seen := 0
	for _, test := range hintTests {
		g.words["SERVERS"], g.words["level DEBUG"] = test.servers, "level debug"
		if test.inDefault {
			g.words["level DEBUG"] = "level debug\n\tformat api_tokens"
		}
		gate := fmt.Sprintf("api_tokens articles {\n\tfrom %s\n}\n", test.from)
		g.mustLoad("http://127.0.0.1GATE {\n\t" + test.log + "\n" + gate + gate + "}\n" + test.also)
		lines := slices.DeleteFunc(strings.Split(g.log(), "\n"), func(line string) bool { return !strings.Contains(line, hint) })
		lines, seen = lines[seen:], len(lines)
		if test.level == "" {
			if len(lines) > 0 {
				t.Errorf("%s: needless %q", test.name, lines)
			}
			continue
		}
		if len(lines) != 1 || !strings.Contains(lines[0], `"level":"`+test.level+`"`) ||
			!strings.Contains(lines[0], `"sources":[`+test.sources+`],"loggers":[`+test.loggers+`]`) {
			t.Errorf("%s: got %q; want one line at %s, sources %s, loggers %s", test.name, lines, test.level, test.sources, test.loggers)
		}
	}
}
