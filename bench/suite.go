//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The requests are what a script or a mobile application sends. Both sides of
// a pair get the same number of bytes, so that only the gateway differs.
func articleRequest(query, header string, secrets ...string) ask {
	return ask{
		before: "GET /api/articles/42" + query + " HTTP/1.1\r\nHost: " + hostName + "\r\n" +
			"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\n" +
			"Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate, br\r\n" + header,
		after:   "\r\n\r\n",
		secrets: secrets,
		status:  200,
	}
}

const (
	bearer       = "Authorization: Bearer "
	secretLength = 42 // of a minted one
)

func (a ask) answered(status int) ask {
	a.status = status
	return a
}

const forward = "\treverse_proxy BACKEND"

// gateSide is the gate as most would configure it; from is its sources, or ""
// for the usual ones.
func gateSide(name, from string, a ask) side {
	site := "\tapi_tokens " + apiName + " {\n" + from +
		"\t\tpermission article.find {\n\t\t\tGET /api/articles\n\t\t\tGET /api/articles/{id}\n\t\t}\n" +
		"\t\tpermission article.create {\n\t\t\tPOST /api/articles\n\t\t}\n\t}\n" + forward
	return side{name: name, gate: true, site: site, ask: a}
}

func bareSide(a ask) side { return side{name: "bare", site: forward, ask: a} }

func stockSide(a ask) side { return side{name: "stock", stock: true, site: forward, ask: a} }

// collector forces how Go's collector runs.
func (s side) collector(percent string) side {
	s.env = []string{"GOGC=" + percent}
	return s
}

// pairs are the rows that compare two gateways, but for those that need more
// than that (flood.go).
func (b *bench) pairs() []pair {
	known := articleRequest("", bearer, b.secrets.known)
	noise := articleRequest("", bearer+strings.Repeat("x", secretLength))
	all := []pair{
		{
			key: "noise-stock", what: "noise: stock Caddy against itself",
			a: stockSide(noise), b: stockSide(noise),
		},
		{
			key: "noise", what: "noise: Tokenreeve's binary without the gate against itself",
			a: bareSide(noise), b: bareSide(noise),
		},
		{
			key: "gate", what: "the gate, a known token",
			a: bareSide(known), b: gateSide("gate", "", known),
			cpu: atMost(1.01), rate: atLeast(0.99),
		},
	}
	even := []string{"GOGC=off", "GOMEMLIMIT=512MiB"}
	bareEven, gateEven := bareSide(known), gateSide("gate", "", known)
	bareEven.env, gateEven.env = even, even
	all = append(all, pair{
		// The gate's cache makes the heap larger, so that Go collects it less
		// often, which makes up for a part of the work that the gate adds.
		key: "gate-even-gc", what: "the same, with the collector hardly running on either side (GOGC=off, GOMEMLIMIT=512MiB)",
		a: bareEven, b: gateEven,
	})
	query := articleRequest("?api_token="+b.secrets.known, bearer+strings.Repeat("x", secretLength))
	all = append(all, pair{
		key: "query", what: "the gate, a known token in the query",
		a: bareSide(query), b: gateSide("gate, query", "\t\tfrom query api_token\n", query),
		cpu: atMost(1.01), rate: atLeast(0.99),
	})
	all = append(all, b.refusals(known)...)
	all = append(all, b.alternatives(known)...)
	stock, gate := stockSide(known), gateSide("gate", "", known)
	return append(all,
		pair{
			key: "stock", what: "Tokenreeve's binary with the gate against stock Caddy without one",
			a: stock, b: gate, cpu: atMost(0.85),
		},
		pair{
			key: "stock-gogc100", what: "the same, with GOGC=100 for both",
			a: stock.collector("100"), b: gate.collector("100"),
		},
		pair{
			key: "last-use", what: fmt.Sprintf("the gate, %d tokens in use against one", b.opts.tokens),
			a: gateSide("one token", "", articleRequest("", bearer, b.secrets.many[:min(1, len(b.secrets.many))]...)),
			b: gateSide("many tokens", "", articleRequest("", bearer, b.secrets.many...)),
			// Several of the recorder's flushes, one every 10 s, fall into it.
			window: 2500 * time.Millisecond, probe: true,
		},
	)
}

// noCredential is as long as a request with a token.
func noCredential() ask {
	const other = "X-Request-Source: "
	return articleRequest("", other+strings.Repeat("x", secretLength+len(bearer)-len(other))).answered(401)
}

// refusals compares what is refused with what is forwarded, both by the gate.
func (b *bench) refusals(known ask) []pair {
	forwarded := gateSide("forwarded", "", known)
	denied := articleRequest("", bearer, b.secrets.refused).answered(403)
	none := noCredential()
	return []pair{
		{
			key: "refused-403", what: "refused for a missing permission against forwarded",
			a: forwarded, b: gateSide("403", "", denied), cpu: atMost(0.42),
		},
		{
			key: "refused-401", what: "refused without a credential against forwarded",
			a: forwarded, b: gateSide("401", "", none), cpu: atMost(0.42),
		},
	}
}

const (
	staticKeys    = 1000
	basicUser     = "client"
	basicPassword = "correct-horse-battery-st" // makes the header as long as a token's
)

// staticKey is a key that looks random and is as long as a secret.
func staticKey(i int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(i)))
	return "key_" + hex.EncodeToString(sum[:19])
}

// alternatives are what people use without Tokenreeve; for the reader, without
// targets. They run in the same binary as the bare proxy.
func (b *bench) alternatives(known ask) []pair {
	login := base64.StdEncoding.EncodeToString([]byte(basicUser + ":" + basicPassword))
	basic := articleRequest("", "Authorization: Basic "+login)
	var keys strings.Builder
	keys.WriteString("\t@known {\n")
	for i := range staticKeys {
		fmt.Fprintf(&keys, "\t\theader Authorization \"Bearer %s\"\n", staticKey(i))
	}
	keys.WriteString("\t}\n\thandle @known {\n\t" + forward + "\n\t}\n\thandle {\n\t\trespond 401\n\t}")
	// Caddy tries the keys in turn, so the middle one stands for the average.
	middle := articleRequest("", bearer, staticKey(staticKeys/2))
	with := func(name, directives string, a ask) side { return side{name: name, site: directives, ask: a} }
	return []pair{
		{
			key: "basic-auth", what: "for comparison: `basic_auth` (bcrypt, cached)",
			a: bareSide(basic), b: with("basic_auth", "\tbasic_auth {\n\t\t"+basicUser+" "+b.basicHash+"\n\t}\n"+forward, basic),
		},
		{
			key: "header-matcher", what: fmt.Sprintf("for comparison: a `header` matcher over %d keys", staticKeys),
			a: bareSide(middle), b: with("matcher", keys.String(), middle),
		},
		{
			key: "forward-auth", what: "for comparison: `forward_auth` to a local service",
			a: bareSide(known), b: with("forward_auth", "\tforward_auth BACKEND {\n\t\turi /auth\n\t}\n"+forward, known),
		},
	}
}
