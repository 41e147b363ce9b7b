package docstest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tokenreeve/tokenreeve/gate"
)

// source parses the Go files of a package, without its tests.
func source(t *testing.T, folder string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no source in %s: %v", folder, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// function returns a method of package caddymodule, or a function for receiver "".
func function(t *testing.T, receiver, name string) *ast.FuncDecl {
	t.Helper()
	for _, file := range source(t, "caddymodule") {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != name {
				continue
			}
			of := ""
			if f.Recv != nil {
				of = fmt.Sprint(f.Recv.List[0].Type.(*ast.StarExpr).X)
			}
			if of == receiver {
				return f
			}
		}
	}
	t.Fatalf("caddymodule has no %s of %q", name, receiver)
	return nil
}

func stringsIn(node ast.Node) (found []string) {
	ast.Inspect(node, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, _ := strconv.Unquote(literal.Value)
			found = append(found, text)
		}
		return true
	})
	return found
}

// Every word of the directive and of the global option has a heading in its page.
func TestWordsAreDocumented(t *testing.T) {
	for page, receiver := range map[string]string{"docs/directive.md": "Handler", "docs/global-option.md": "App", "docs/management.md": "Admin"} {
		headings := sections(readFile(t, page))
		words := 0
		ast.Inspect(function(t, receiver, "parseLine"), func(n ast.Node) bool {
			clause, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range clause.List {
				for _, word := range stringsIn(e) {
					words++
					if _, ok := headings[word]; !ok {
						t.Errorf("%s has no heading for %s", page, word)
					}
				}
			}
			return true
		})
		if words < 3 {
			t.Errorf("only %d words were found for %s; is the test broken?", words, page)
		}
	}
}

// compareSyntax holds a block against the grammars above the parsers.
func compareSyntax(t *testing.T, text string) error {
	var grammars []string
	for _, f := range []*ast.FuncDecl{function(t, "Handler", "UnmarshalCaddyfile"), function(t, "", "parseGlobalOption"), function(t, "LogFormat", "UnmarshalCaddyfile"), function(t, "Admin", "UnmarshalCaddyfile"), function(t, "Handler", "parseGraphQL")} {
		var grammar strings.Builder
		for line := range strings.Lines(f.Doc.Text()) {
			if rest, ok := strings.CutPrefix(line, "\t"); ok {
				grammar.WriteString(rest)
			}
		}
		grammars = append(grammars, grammar.String())
	}
	if !slices.Contains(grammars, text) {
		return fmt.Errorf("the grammars in caddymodule are\n%s", strings.Join(grammars, "\n"))
	}
	return nil
}

// Every field of the JSON configuration is in the page of its module.
func TestFieldsAreDocumented(t *testing.T) {
	pages := map[string]string{"Handler": "docs/directive.md", "GraphQL": "docs/graphql.md", "App": "docs/global-option.md", "StoreConfig": "docs/global-option.md", "LogFormat": "docs/log-format.md", "Admin": "docs/management.md", "SignIn": "docs/management.md", "HeaderSignIn": "docs/management.md", "OIDCSignIn": "docs/management.md"}
	found := 0
	for _, file := range source(t, "caddymodule") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || pages[spec.Name.Name] == "" {
				return true
			}
			prose := readFile(t, pages[spec.Name.Name])
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				if field.Tag == nil {
					continue
				}
				found++
				name := regexp.MustCompile(`json:"([a-z_]+)`).FindStringSubmatch(field.Tag.Value)[1]
				if !strings.Contains(prose, "`"+name+"`") {
					t.Errorf("%s does not name the field `%s`", pages[spec.Name.Name], name)
				}
			}
			return true
		})
	}
	if found < 12 {
		t.Errorf("only %d fields were found; is the test broken?", found)
	}
}

// Every reason has a row with its status.
func TestReasonsAreDocumented(t *testing.T) {
	prose := readFile(t, "docs/requests.md")
	for _, reason := range gate.Reasons() {
		row := fmt.Sprintf("| `%s` | %d |", reason, reason.Status())
		if reason.Allows() {
			row = fmt.Sprintf("| `%s` | – |", reason)
		}
		if !strings.Contains(prose, row) {
			t.Errorf("docs/requests.md has no row %s", row)
		}
	}
}

// Every header that the gate removes, and every placeholder that it sets, is named.
func TestRequestsAreDocumented(t *testing.T) {
	prose := readFile(t, "docs/requests.md")
	headers := 0
	for _, file := range source(t, "gate") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !slices.Contains([]string{"overrides", "fromProxies"}, spec.Names[0].Name) {
				return true
			}
			for _, name := range stringsIn(spec) {
				headers++
				if !strings.Contains(strings.ToLower(prose), "`"+name+"`") {
					t.Errorf("docs/requests.md does not say that %s is removed", name)
				}
			}
			return true
		})
	}
	placeholders := map[string]bool{}
	for _, file := range source(t, "caddymodule") {
		for _, text := range stringsIn(file) {
			if strings.HasPrefix(text, "http.auth.") {
				placeholders[text] = true
				if !strings.Contains(prose, "`{"+text+"}`") {
					t.Errorf("docs/requests.md does not name the placeholder {%s}", text)
				}
			}
		}
	}
	if headers < 20 || len(placeholders) < 5 {
		t.Errorf("only %d headers and %d placeholders were found; is the test broken?", headers, len(placeholders))
	}
}

var (
	commandLine = regexp.MustCompile(`(?m)^  ([a-z-]+) +[A-Z]`)
	flagLine    = regexp.MustCompile(`(?m)^ +(?:-[a-z], +)?(--[a-z-]+)`)
	metricName  = regexp.MustCompile(`tokenreeve_[a-z_]+`)
)

// Every command has a heading, and every flag is named below it or below
// "Flags of all commands"; no flag is named that isn't there.
func TestCommandsAreDocumented(t *testing.T) {
	headings := sections(readFile(t, "docs/command-line.md"))
	common := headings["Flags of all commands"]
	if checked := checkCommands(t, headings, common, "api-tokens"); checked < 20 {
		t.Fatalf("only %d commands were found", checked)
	}
	checkFlags(t, "demo", headings, common, help(t, "demo"))
}

// checkCommands checks the commands below one, and returns how many there are.
// The heading of one is how it is written behind api-tokens.
func checkCommands(t *testing.T, headings map[string]string, common string, path ...string) (checked int) {
	t.Helper()
	below := commandLine.FindAllStringSubmatch(help(t, path...), -1)
	for _, command := range below {
		checked += checkCommands(t, headings, common, append(slices.Clone(path), command[1])...)
	}
	if len(below) > 0 {
		return checked
	}
	checkFlags(t, strings.Join(path[1:], " "), headings, common, help(t, path...))
	return 1
}

func checkFlags(t *testing.T, command string, headings map[string]string, common, help string) {
	t.Helper()
	text, ok := headings[command]
	if !ok {
		t.Errorf("docs/command-line.md has no heading for %s", command)
	}
	_, flags, _ := strings.Cut(help, "\nFlags:\n")
	var there []string
	for _, flag := range flagLine.FindAllStringSubmatch(flags, -1) {
		there = append(there, flag[1])
		if !strings.Contains(text, "`"+flag[1]) && !strings.Contains(common, "`"+flag[1]+"`") {
			t.Errorf("docs/command-line.md does not have %s of %s", flag[1], command)
		}
	}
	for _, named := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(there, named[1]) {
			t.Errorf("docs/command-line.md has %s of %s, which is not there", named[1], command)
		}
	}
}

func help(t *testing.T, command ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "caddy"), append(command, "--help")...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(text)
}

// The metrics of the code and those of the pages are the same.
func TestMetricsAreDocumented(t *testing.T) {
	var inCode, inDocs []string
	for _, file := range source(t, "caddymodule") {
		for _, text := range stringsIn(file) {
			inCode = append(inCode, metricName.FindAllString(text, -1)...)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(tokenreeve_[a-z_]+)").FindAllStringSubmatch(readFile(t, "docs/operations.md"), -1) {
		inDocs = append(inDocs, row[1])
	}
	slices.Sort(inCode)
	slices.Sort(inDocs)
	if inCode = slices.Compact(inCode); len(inCode) < 5 || !slices.Equal(inCode, inDocs) {
		t.Errorf("the code has\n%s\ndocs/operations.md has rows for\n%s", strings.Join(inCode, "\n"), strings.Join(inDocs, "\n"))
	}
}

// Every line that the module logs is in the table of log lines.
func TestLogLinesAreDocumented(t *testing.T) {
	prose := readFile(t, "docs/operations.md")
	found := 0
	for _, file := range source(t, "caddymodule") {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Check", "Debug", "Info", "Warn", "Error"}, method.Sel.Name) || !strings.HasSuffix(name(loaded(method.X)), "logger") {
				return true
			}
			for _, argument := range call.Args {
				literal, ok := argument.(*ast.BasicLit)
				if !ok {
					continue
				}
				found++
				if text, _ := strconv.Unquote(literal.Value); !strings.Contains(prose, "| `"+text+"` |") {
					t.Errorf("docs/operations.md has no row for the log line %q", text)
				}
			}
			return true
		})
	}
	if found < 5 {
		t.Errorf("only %d log lines were found; is the test broken?", found)
	}
}

// loaded returns what stands before .Load(), or x itself.
func loaded(x ast.Expr) ast.Expr {
	if call, ok := x.(*ast.CallExpr); ok {
		if load, ok := call.Fun.(*ast.SelectorExpr); ok && load.Sel.Name == "Load" {
			return load.X
		}
	}
	return x
}

// name returns the last part of x, such as logger for h.logger.
func name(x ast.Expr) string {
	switch e := x.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// The table of the global option has the defaults and the bounds of the code.
func TestBoundsAreDocumented(t *testing.T) {
	prose := readFile(t, "docs/global-option.md")
	bounds := regexp.MustCompile(`([a-z_]+) is .*; it must be from (\S+) to ([^\s,"]+)`)
	defaults := defaultsOf(t, "App")
	for word, wrong := range map[string]string{
		"cache_size": "1", "cache_ttl": "1ns", "stale_if_error": "9999h", "flush_interval": "1ns",
	} {
		path := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(path, []byte("{\n\tapi_tokens {\n\t\t"+word+" "+wrong+"\n\t}\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		text, _ := exec.Command(filepath.Join(binaries, "caddy"), "adapt", "--config", path).CombinedOutput()
		found := bounds.FindStringSubmatch(string(text))
		if found == nil || found[1] != word {
			t.Errorf("%s %s is refused with %s", word, wrong, text)
			continue
		}
		row := fmt.Sprintf("| `%s` | %s | %s | %s |", word, defaults[word], short(found[2]), short(found[3]))
		if !strings.Contains(prose, row) {
			t.Errorf("docs/global-option.md has no row %s", row)
		}
	}
}

// short writes a duration as people do: 1h for 1h0m0s.
func short(s string) string {
	for _, zero := range []string{"0s", "0m"} {
		if rest, ok := strings.CutSuffix(s, zero); ok && strings.ContainsAny(rest, "hm") {
			s = rest
		}
	}
	return s
}

// defaultsOf returns what the comments of a type's fields say behind "Default:",
// by the names in JSON.
func defaultsOf(t *testing.T, name string) map[string]string {
	t.Helper()
	defaults := map[string]string{}
	for _, file := range source(t, "caddymodule") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != name {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				found := regexp.MustCompile(`Default:\s+(\S+)\.`).FindStringSubmatch(field.Doc.Text())
				if found != nil && field.Tag != nil {
					defaults[regexp.MustCompile(`json:"([a-z_]+)`).FindStringSubmatch(field.Tag.Value)[1]] = found[1]
				}
			}
			return true
		})
	}
	return defaults
}
