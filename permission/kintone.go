package permission

import (
	"slices"
	"strings"
)

// kintoneRoots are where the REST API of kintone begins: for apps outside and
// inside of guest spaces.
var kintoneRoots = []string{"/k/v1", "/k/guest/{space}/v1"}

// kintoneApp is what kintone tells of an app to whoever may view its records or add some,
// as it is in force: its preview is for who may manage it.
var kintoneApp = []string{
	"GET /app/form/fields.json app", "GET /app/form/layout.json app", "GET /form.json app",
	"GET /app.json id", "GET /app/views.json app", "GET /app/settings.json app", "GET /app/status.json app",
}

// kintonePermissions are the check boxes that kintone has for a token, with what
// its record API has beside them. Operations are below the roots.
var kintonePermissions = []struct {
	name       string
	mark       Mark
	requires   []string
	operations []string
}{
	{"record.view", Read, nil, slices.Concat(kintoneApp, []string{
		"GET /record.json app", "GET /records.json app", "GET /record/comments.json app",
		"GET /records/acl/evaluate.json app", "POST /records/cursor.json app",
	})},
	// A cursor has an id that nobody can guess, and its requests name no app.
	{"record.cursor", Read, nil, []string{"GET /records/cursor.json", "DELETE /records/cursor.json"}},
	{"record.add", Unmarked, nil, slices.Concat(kintoneApp, []string{"POST /record.json app", "POST /records.json app"})},
	{"record.edit", Unmarked, []string{"record.view", "record.add if json:upsert"}, []string{
		"PUT /record.json app", "PUT /records.json app", "PUT /record/status.json app", "PUT /records/status.json app",
		"PUT /record/assignees.json app",
	}},
	{"record.delete", Unmarked, nil, []string{"DELETE /records.json app"}},
	{"record.comment", Unmarked, []string{"record.view"}, []string{"POST /record/comment.json app", "DELETE /record/comment.json app"}},
	// Files belong to no app before a record has them.
	{"file.download", Unmarked, nil, []string{"GET /file.json"}},
	{"file.upload", Unmarked, nil, []string{"POST /file.json"}},
	// Those of one app are added below. These name no app, or several, so only who
	// may manage all of them may.
	{"app.manage", Unmarked, nil, []string{
		"GET /apps.json", "GET /app.json", "GET /app/*", "POST /app/*", "PUT /app/*", "DELETE /app/*",
		"GET /preview/*", "POST /preview/*", "PUT /preview/*", "DELETE /preview/*",
		"GET /app.json id", "POST /app/move.json app", "GET /form.json app", "GET /preview/form.json app",
	}},
}

// kintoneSettings are the settings of an app: live, and below /preview until "Update
// App". All of them say in app which one it is; what also takes other apps, like
// /preview/app/deploy.json, must not be here. The last two take id for app as well, and
// go by that if both are there.
var kintoneSettings = []string{
	"/app/form/fields.json", "/app/form/layout.json", "/app/views.json", "/app/settings.json", "/app/status.json",
	"/app/customize.json", "/app/acl.json", "/app/reports.json", "/app/actions.json", "/app/adminNotes.json", "/app/plugins.json",
	"/app/notifications/general.json", "/app/notifications/perRecord.json", "/app/notifications/reminder.json",
	"/record/acl.json app id", "/field/acl.json app id",
}

// kintoneBulk are the permissions that the requests within a bulk request are of.
var kintoneBulk = []string{"record.add", "record.edit", "record.delete"}

// KintoneGets returns the paths that kintone's clients GET and whose parameters can be too
// long for a URL: what kintone is known to answer by GET, and so no bulk requests.
func KintoneGets() (patterns []Pattern) {
	paths := []string{"/preview/app/deploy.json"}
	for _, text := range kintoneSettings {
		path, _, _ := strings.Cut(text, " ")
		paths = append(paths, path, "/preview"+path)
	}
	for _, k := range kintonePermissions {
		for _, text := range k.operations {
			words := strings.Split(text, " ")
			if words[0] == "GET" && !strings.HasSuffix(text, "/*") && !slices.Contains(paths, words[1]) {
				paths = append(paths, words[1])
			}
		}
	}
	for _, path := range paths {
		patterns = append(patterns, kintonePaths(path)...)
	}
	return patterns
}

func kintonePaths(below string) (patterns []Pattern) {
	for _, root := range kintoneRoots {
		p, err := ParsePattern(root + below)
		if err != nil {
			panic(err) // they stand above
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// ForKintone returns the permissions of kintone. Grants fix the app of those that
// are for one: record.view app=7.
func ForKintone() (permissions []Permission, err error) {
	for _, k := range kintonePermissions {
		operations := k.operations
		if k.name == "app.manage" {
			operations = slices.Clone(operations)
			for _, path := range kintoneSettings {
				if !strings.Contains(path, " ") {
					path += " app"
				}
				for _, method := range []string{"GET ", "POST ", "PUT ", "DELETE "} {
					operations = append(operations, method+path, method+"/preview"+path)
				}
			}
		}
		p := Permission{Name: k.name, Mark: k.mark, Requires: slices.Clone(k.requires)}
		if slices.Contains(kintoneBulk, k.name) {
			p.Bulk = kintonePaths("/bulkRequest.json")
		}
		for _, root := range kintoneRoots {
			for _, text := range operations {
				if err := p.addKintone(root, text); err != nil {
					return nil, err
				}
			}
		}
		permissions = append(permissions, p)
	}
	return permissions, nil
}

// addKintone adds an operation such as "GET /record.json app". The words behind the path
// are the parameters that say which app it is for, each by itself. POST and PUT have
// them in the JSON body; others there or in the query.
func (p *Permission) addKintone(root, text string) error {
	words := strings.Split(text, " ")
	operation := words[0] + " " + root + words[1]
	texts := []string{operation}
	if len(words) > 2 {
		texts = nil
	}
	for _, name := range words[2:] {
		texts = append(texts, operation+" json:"+name+"={app}")
		if words[0] == "GET" || words[0] == "DELETE" {
			texts = append(texts, operation+"?"+name+"={app}")
		}
	}
	for _, text := range texts {
		op, err := ParseOperation(text)
		if err != nil {
			return err
		}
		p.Operations = append(p.Operations, op)
	}
	return nil
}
