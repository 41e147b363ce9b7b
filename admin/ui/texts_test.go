package ui_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// A key without a text would show as the key.
func TestEveryTextIsThere(t *testing.T) {
	single := regexp.MustCompile(`\{\{-? ?t "([^"]+)"|texts\.Get\("([^"]+)"[,)]`)
	counted := regexp.MustCompile(`\btn "([^"]+)"|texts\.Count\("([^"]+)"[,)]`)
	var files []string
	for _, pattern := range []string{"*.go", "templates/*.html", "templates/*/*.html"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	checked := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range single.FindAllStringSubmatch(string(text), -1) {
			checked++
			if key := match[1] + match[2]; !texts.Has(key) {
				t.Errorf("%s: there is no text %s", file, key)
			}
		}
		for _, match := range counted.FindAllStringSubmatch(string(text), -1) {
			checked++
			key := match[1] + match[2]
			if one := texts.Has(key + ".one"); !texts.Has(key+".other") || !one && !slices.Contains(neverOne, key) {
				t.Errorf("%s: there is no text %s for every number", file, key)
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d keys were found; the pattern is out of date", checked)
	}
}

// neverOne are counted where there are many.
var neverOne = []string{"account-delete.owns.more"}
