package docstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule is a row of the table of security rules.
type rule struct {
	number int
	tests  []string // as folder.Name
}

var (
	ruleRow  = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.*) \|$`)
	testName = regexp.MustCompile("`([a-z0-9/]+\\.(?:Test|Fuzz)[A-Za-z0-9]+)`")
	// ruleNumbers finds "security rule 9" and "Security rules 1, 2 and 7".
	ruleNumbers = regexp.MustCompile(`(?i)\bsecurity rules? (\d+(?:(?:,| and|, and) \d+)*)`)
	number      = regexp.MustCompile(`\d+`)
)

func readRules(t *testing.T) (rules []rule) {
	t.Helper()
	for _, row := range ruleRow.FindAllStringSubmatch(sections(readFile(t, "docs/security.md"))["The rules"], -1) {
		r := rule{}
		r.number, _ = strconv.Atoi(row[1])
		for _, name := range testName.FindAllStringSubmatch(row[3], -1) {
			r.tests = append(r.tests, name[1])
		}
		rules = append(rules, r)
	}
	if len(rules) < 10 {
		t.Fatalf("only %d rules were found in docs/security.md; is the test broken?", len(rules))
	}
	return rules
}

// goFiles calls visit for each Go file of the repository.
func goFiles(t *testing.T, visit func(folder string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", ".bin", ".test", "bin", "node_modules", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		visit(filepath.ToSlash(folder), file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rulesIn returns the numbers of the security rules that a comment names.
func rulesIn(comment *ast.CommentGroup) (numbers []int) {
	words := strings.Join(strings.Fields(comment.Text()), " ")
	for _, found := range ruleNumbers.FindAllStringSubmatch(words, -1) {
		for _, digits := range number.FindAllString(found[1], -1) {
			n, _ := strconv.Atoi(digits)
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Each rule names tests that are there, and one of them at least names the rule.
// What the code says of a rule is about one that is in the table.
func TestEachSecurityRuleHasItsTests(t *testing.T) {
	tests := map[string][]int{} // the rules that each test names
	mentioned := map[int]string{}
	goFiles(t, func(folder string, file *ast.File) {
		for _, comment := range file.Comments {
			for _, n := range rulesIn(comment) {
				mentioned[n] = path.Join(folder, "…: "+strings.TrimSpace(comment.Text()))
			}
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				name := folder + "." + f.Name.Name
				tests[name] = append([]int{}, rulesIn(f.Doc)...)
			}
		}
	})
	rules := readRules(t)
	for i, r := range rules {
		if i > 0 && r.number <= rules[i-1].number {
			t.Errorf("rule %d stands behind rule %d", r.number, rules[i-1].number)
		}
		if len(r.tests) == 0 {
			t.Errorf("rule %d has no test", r.number)
		}
		named := false
		for _, name := range r.tests {
			numbers, there := tests[name]
			if !there {
				t.Errorf("rule %d: there is no %s", r.number, name)
			}
			named = named || slices.Contains(numbers, r.number)
		}
		if !named {
			t.Errorf("no test of rule %d says so in its comment", r.number)
		}
		delete(mentioned, r.number)
	}
	for n, comment := range mentioned {
		t.Errorf("docs/security.md has no rule %d, which is named in %s", n, comment)
	}
}
