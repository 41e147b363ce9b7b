package docstest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository.
const root = "../.."

// block is a fenced block of a page.
type block struct {
	line   int
	info   string
	text   string
	repeat bool
}

// readBlocks returns the fenced blocks of a page.
func readBlocks(t *testing.T, path string) (blocks []block) {
	t.Helper()
	var open *block
	repeat := false
	for i, line := range strings.Split(readFile(t, path), "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{line: i + 1, info: info, repeat: repeat}
			repeat = false
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case line == "<!-- test: repeat -->":
			repeat = true
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the block has no end", path, open.line)
	}
	return blocks
}

// withoutBlocks returns the prose of a page.
func withoutBlocks(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
}

// sections returns the text under each heading of a page, by the heading's
// words, up to the next heading.
func sections(text string) map[string]string {
	found := map[string]string{}
	heading, code := "", false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if words := strings.TrimLeft(line, "#"); !code && words != line {
			heading = strings.Trim(words, " `\n")
			found[heading] = ""
			continue
		}
		found[heading] += line
	}
	return found
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// markdownFiles returns all pages of the repository.
func markdownFiles(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", ".bin", ".test", "bin", "node_modules", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			relative, err := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var link = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)`)

// A link to a file of the repository leads to one, and to a heading that is there.
func TestLinks(t *testing.T) {
	links := 0
	for _, file := range markdownFiles(t) {
		for _, match := range link.FindAllStringSubmatch(withoutBlocks(readFile(t, file)), -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, ":") {
				continue // another site
			}
			links++
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s links to %s, which is not there", file, match[1])
			} else if anchor != "" && !slices.Contains(anchors(readFile(t, path)), anchor) {
				t.Errorf("%s links to %s; %s has no such heading", file, match[1], path)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found; is the test broken?", links)
	}
}

// anchors returns the names that GitHub gives to the headings of a page.
func anchors(text string) (names []string) {
	for heading := range sections(text) {
		name := strings.ToLower(strings.ReplaceAll(heading, " ", "-"))
		names = append(names, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, ""))
	}
	return names
}
