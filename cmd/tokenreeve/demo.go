package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/store/sqlite"
	"github.com/tokenreeve/tokenreeve/token"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "demo",
		Usage: "[--addr <host:port>] [--pages-addr <host:port>]",
		Short: "Runs a gateway in front of a small sample API, with pages and tokens to try",
		Long: `Starts a sample REST API and a gateway in front of it. Prints a link that signs in
to the pages, with months of sample use in them, and lines with three tokens to
paste into another terminal. Everything is in a temporary folder and gone when it
ends.`,
		CobraFunc: func(cmd *cobra.Command) {
			addr := cmd.Flags().String("addr", "127.0.0.1:8080", "Address of the gateway; port 0 takes a free one")
			pages := cmd.Flags().String("pages-addr", "", "Address of the pages, which the link leads to (default: the port behind that of --addr, or a free one)")
			cmd.Args = cobra.NoArgs
			cmd.SilenceUsage = true
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
				defer stop()
				return runDemo(ctx, *addr, *pages, cmd.OutOrStdout())
			}
		},
	})
}

// demoCaddyfile is the configuration of the demo: what a user would write, but
// for the first block, which keeps the demo to itself. See siteOn for how its sites begin.
const demoCaddyfile = `{
	admin off
	persist_config off
	auto_https off
	storage file_system "%[1]s/caddy"
	storage_clean_interval off
	grace_period 2s
	log {
		level ERROR
	}
	api_tokens {
		store sqlite "%[1]s/tokens.db"
		flush_interval 1s
	}
}

%[2]s
	api_tokens articles {
		resource article /api/articles
		permission search.run read {
			POST /api/search
		}
	}
	reverse_proxy %[4]s
}

%[3]s
	handle /demo* {
		reverse_proxy %[4]s
	}
	api_tokens_admin
}
`

// runDemo runs the demo until the context ends.
func runDemo(ctx context.Context, addr, pages string, out io.Writer) (err error) {
	wanted := addr
	if addr, err = freeAddress(ctx, "--addr", addr); err != nil {
		return err
	}
	if pages == "" {
		pages = besides(ctx, wanted)
	}
	if pages, err = freeAddress(ctx, "--pages-addr", pages); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "tokenreeve-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	tokens, err := sqlite.Open(ctx, filepath.Join(folder, "tokens.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tokens.Close()) }()
	secrets, err := writeSamples(ctx, filepath.Join(folder, "past.db"), tokens)
	if err != nil {
		return err
	}
	link := newDemoLink(admin.New(tokens, time.Now, rand.Reader))

	backend, err := startBackend(ctx, link)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backend.Close()) }()

	if err := startCaddy(fmt.Sprintf(demoCaddyfile, folder, siteOn(addr), siteOn(pages), backend.Addr)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caddy.Stop()) }()

	printDemo(out, forPasting(addr), "http://"+forPasting(pages)+demoPath+"#"+link.secret, secrets)
	<-ctx.Done()
	_, _ = fmt.Fprintln(out, "\nThe demo is over; its tokens are gone.")
	return nil
}

// freeAddress checks that the address can be had, and picks a port for port 0.
// Caddy itself would share a port with another Caddy without a word.
func freeAddress(ctx context.Context, flag, addr string) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("%s is in use; choose another address with %s, such as %[2]s 127.0.0.1:0 for a free port", addr, flag)
	case err != nil:
		return "", fmt.Errorf("%s %s: %w", flag, addr, err)
	}
	return listener.Addr().String(), listener.Close()
}

// besides returns the address of the pages: at the port behind that of the gateway,
// so that it is the same each time, or at a free one if that is taken.
func besides(ctx context.Context, addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if n, err := strconv.Atoi(port); err == nil && n > 0 {
		next := net.JoinHostPort(host, strconv.Itoa(n+1))
		if _, err := freeAddress(ctx, "--pages-addr", next); err == nil {
			return next
		}
	}
	return net.JoinHostPort(host, "0")
}

// startBackend starts what is behind the gateway: the sample API, and the link.
func startBackend(ctx context.Context, link *demoLink) (*http.Server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", newArticles())
	link.register(mux)
	server := &http.Server{Handler: mux, Addr: listener.Addr().String(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return server, nil
}

func startCaddy(caddyfile string) error {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "demo"})
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// writeSamples makes the past of the demo and the three tokens to try, and returns
// their secrets by type. They come from a file of their own: a store that gets its
// records from another one knows since when their use is counted, and a new one
// takes that for today.
func writeSamples(ctx context.Context, file string, tokens store.Store) (secrets map[token.Type]string, err error) {
	first, err := sqlite.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, first.Close()) }()
	past, err := newHistory(first)
	if err != nil {
		return nil, err
	}
	if err := past.write(ctx); err != nil {
		return nil, err
	}
	if secrets, err = addTokens(ctx, past); err != nil {
		return nil, err
	}
	_, err = store.Copy(ctx, first, tokens)
	return secrets, err
}

// addTokens makes the tokens to try.
func addTokens(ctx context.Context, past *history) (map[token.Type]string, error) {
	secrets := map[token.Type]string{}
	for _, d := range []admin.NewToken{
		{Name: "reader", Type: token.ReadOnly},
		{Name: "editor", Type: token.FullAccess},
		{Name: "script", Type: token.Custom, Grants: []string{"article.find_one", "POST /api/articles"}},
	} {
		d.API, d.Owner, d.Duration = "articles", "demo", "7d"
		_, secret, err := past.at(0).Create(ctx, admin.Operator("demo"), d)
		if err != nil {
			return nil, err
		}
		secrets[d.Type] = secret.Reveal()
	}
	return secrets, nil
}

// siteOn returns how a site begins in a Caddyfile. The address alone says only which
// requests are for it: without bind, Caddy listens on all addresses of this machine.
// To requests of other names Caddy answers an empty 200.
func siteOn(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	names := "http://" + addr
	switch ip := net.ParseIP(host); {
	case ip != nil && ip.IsUnspecified():
		return "http://:" + port + " {" // under any name
	case ip != nil && ip.IsLoopback():
		names += ", http://localhost:" + port
	}
	return names + " {\n\tbind " + host
}

// forPasting returns an address that can be connected to, where one is for all of
// this machine's.
func forPasting(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// printDemo prints the link, and lines to paste, each with what it will answer.
func printDemo(out io.Writer, addr, link string, secrets map[token.Type]string) {
	var b strings.Builder
	fmt.Fprintf(&b, "A gateway is running at http://%s in front of a sample API, for as long as this does.\n", addr)
	fmt.Fprintf(&b, "This link signs in to its pages, which show months of sample use:\n  %s\n", link)
	fmt.Fprintf(&b, "Or paste these lines into another terminal:\n\n")
	fmt.Fprintf(&b, "READER=%s   # read-only\n", secrets[token.ReadOnly])
	fmt.Fprintf(&b, "EDITOR_TOKEN=%s   # full access\n", secrets[token.FullAccess])
	fmt.Fprintf(&b, "SCRIPT=%s   # custom: article.find_one and POST /api/articles\n", secrets[token.Custom])
	fmt.Fprintf(&b, "API=http://%s/api\n", addr)
	for _, line := range demoLines {
		fmt.Fprintf(&b, "\n# %s\n%s\n", line.says, line.command)
	}
	fmt.Fprintf(&b, "\nPress Ctrl+C to end.\n")
	_, _ = io.WriteString(out, b.String())
}

// demoLines are the lines to paste and what they answer. The tests run them.
var demoLines = []struct{ says, command, answer string }{
	{"no token: 401, the gate is closed", `curl -si $API/articles`, "401"},
	{"read-only reads: 200 and three articles", `curl -si -H "Authorization: Bearer $READER" $API/articles`, "200"},
	{"and searches, although that is a POST: the permission is marked read", `curl -si -H "X-API-Key: $READER" -d '{"query": "tea"}' $API/search`, "200"},
	{"but may not write: 403, and the answer names the permission", `curl -si -H "Authorization: Bearer $READER" -d '{"title": "Mine"}' $API/articles`, "403"},
	{"full access writes: 201", `curl -si -H "Authorization: Bearer $EDITOR_TOKEN" -d '{"title": "Mine"}' $API/articles`, "201"},
	{"custom may read one: 200", `curl -si -H "X-API-Key: $SCRIPT" $API/articles/2`, "200"},
	{"but not list all: 403", `curl -si -H "X-API-Key: $SCRIPT" $API/articles`, "403"},
	{"a path with two readings is refused, whoever asks: 400", `curl -si --path-as-is -H "Authorization: Bearer $EDITOR_TOKEN" $API/articles/../admin`, "400"},
}
