package caddymodule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
)

// choose leaves tokens out, renames them and marks those that shall come back, all by the
// names that they have in the other system. A name that no token has is an error.
func (f *takeOverFlags) choose(list []admin.Foreign, lost []admin.Unmapped) ([]admin.Foreign, []admin.Unmapped, error) {
	names := map[string]bool{}
	for i := range list {
		names[strings.TrimSpace(list[i].Name)] = true
	}
	for _, l := range lost { // it may have lost all, and not be in the list
		names[strings.TrimSpace(l.Name)] = true
	}
	for flag, wanted := range map[string][]string{"skip": f.skip, "again": f.again} {
		for _, name := range wanted {
			if !names[name] {
				return nil, nil, fmt.Errorf("--%s: there is no token %q to import", flag, name)
			}
		}
	}
	renamed := map[string]string{}
	for _, text := range f.rename {
		old, name, ok := strings.Cut(text, "=")
		switch {
		case !ok || old == "" || name == "":
			return nil, nil, fmt.Errorf("--rename %q: write the name there and the one here, such as old=new", text)
		case !names[old]:
			return nil, nil, fmt.Errorf("--rename: there is no token %q to import", old)
		}
		renamed[old] = name
	}
	skipped := func(name string) bool { return slices.Contains(f.skip, strings.TrimSpace(name)) }
	lost = slices.DeleteFunc(slices.Clone(lost), func(l admin.Unmapped) bool { return skipped(l.Name) })
	var chosen []admin.Foreign
	for _, token := range list {
		name := strings.TrimSpace(token.Name)
		if skipped(name) {
			continue
		}
		token.Again = slices.Contains(f.again, name)
		if other, ok := renamed[name]; ok {
			token.Name = other
		}
		chosen = append(chosen, token)
	}
	return chosen, lost, nil
}
