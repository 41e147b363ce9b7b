package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var updateGolden = flag.Bool("update", false, "write what is there as what is wanted")

const adaptSeparator = "----------\n"

// TestAdapt turns each Caddyfile of testdata/adapt into JSON and compares it with
// what stands behind the separator. None of them says `order`: the directive
// finds its place by itself.
func TestAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), adaptSeparator)
			config, err := adapt(input)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, config, "", "\t"); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			if *updateGolden {
				if err := os.WriteFile(file, []byte(input+adaptSeparator+got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != want {
				t.Errorf("got:\n%s\nwant (go test -run TestAdapt -update writes it):\n%s", got.String(), want)
			}
			if _, err := adapt(input); err != nil {
				t.Errorf("the second time: %v", err)
			}
		})
	}
}

// inGate puts lines into the block of the directive: the first is line 3.
func inGate(lines string) string {
	return ":80 {\n\tapi_tokens articles {\n\t\t" + strings.ReplaceAll(lines, "\n", "\n\t\t") + "\n\t}\n}\n"
}

// inOption puts lines into the block of the global option: the first is line 3.
func inOption(lines string) string {
	return "{\n\tapi_tokens {\n\t\t" + strings.ReplaceAll(lines, "\n", "\n\t\t") + "\n\t}\n}\n:80\n"
}

func TestCaddyfileErrors(t *testing.T) {
	for name, test := range map[string]struct {
		caddyfile string
		line      string
		says      string
	}{
		"unknown word":                   {inGate("form header X"), "3", `unknown word "form"; api_tokens takes from`},
		"unknown word in the option":     {inOption("storage sqlite"), "3", `unknown word "storage"; api_tokens takes store`},
		"surplus argument":               {":80 {\n\tapi_tokens articles more\n}\n", "2", `surplus word "more"`},
		"surplus argument, option":       {"{\n\tapi_tokens more\n}\n:80\n", "2", `surplus word "more"`},
		"bad name of an API":             {":80 {\n\tapi_tokens -articles\n}\n", "2", `"-articles" is not a name for an API`},
		"bad name behind a matcher":      {":80 {\n\tapi_tokens @post art/icles\n\t@post method POST\n}\n", "2", `"art/icles" is not a name for an API`},
		"a path matcher":                 {":80 {\n\tapi_tokens /api/* articles\n}\n", "2", `api_tokens can't be for /api/* alone`},
		"permission twice":               {inGate("permission a.b {\n\tGET /a\n}\npermission a.b {\n\tGET /b\n}"), "6", "permission a.b is defined twice"},
		"permission of a resource":       {inGate("resource a /a\npermission a.find {\n\tGET /b\n}"), "4", "permission a.find is defined twice"},
		"resource twice":                 {inGate("resource a /a\nresource a /b"), "4", "permission a.find is defined twice"},
		"bad name of a permission":       {inGate("permission a {\n\tGET /a\n}"), "3", `"a" can't name a permission`},
		"bad mark":                       {inGate("permission a.b rw {\n\tGET /a\n}"), "3", `"rw" is not a mark`},
		"too many marks":                 {inGate("permission a.b read write {\n\tGET /a\n}"), "3", "permission takes a name"},
		"permission without a name":      {inGate("permission {\n\tGET /a\n}"), "3", "permission takes a name"},
		"permission, no operations":      {inGate("permission a.b"), "3", "permission a.b has no operations"},
		"permission, empty block":        {inGate("permission a.b {\n}"), "", "permission a.b has no operations"},
		"operation twice":                {inGate("permission a.b {\n\tGET /a\n\tGET /a\n}"), "5", "has GET /a twice"},
		"bad method":                     {inGate("permission a.b {\n\tFETCH /a\n}"), "4", `"FETCH" is not a method`},
		"method in lower case":           {inGate("permission a.b {\n\tget /a\n}"), "4", "write GET"},
		"TRACE":                          {inGate("permission a.b {\n\tTRACE /a\n}"), "4", "TRACE is never forwarded"},
		"query without a field":          {inGate("permission a.b {\n\tquery\n}"), "4", "query takes the names of root fields, or * for all"},
		"bad name of a field":            {inGate("permission a.b {\n\tmutation create-article\n}"), "4", `"create-article" is not the name of a root field`},
		"field twice":                    {inGate("permission a.b {\n\tquery a b a\n}"), "4", "permission a.b has query a twice"},
		"path of a field":                {inGate("permission a.b {\n\tquery /articles\n}"), "4", `"/articles" is not the name of a root field`},
		"resource, unknown word":         {inGate("resource a /a singles"), "3", "perhaps single and graphql"},
		"resource, a word twice":         {inGate("resource a /a single graphql single"), "3", "perhaps single and graphql"},
		"resource without a path":        {inGate("resource a"), "3", "resource takes a name and a path"},
		"changes, another word":          {inGate("changes direct"), "3", `changes: unknown word "direct"; write staged, or leave the line out`},
		"changes without a word":         {inGate("changes"), "3", "changes takes staged and nothing else"},
		"changes, surplus word":          {inGate("changes staged now"), "3", "changes takes staged and nothing else"},
		"changes twice":                  {inGate("changes staged\nchanges staged"), "4", "changes stands here twice, first in line 3"},
		"dialect, unknown":               {inGate("dialect drupal"), "3", `there is no dialect "drupal"`},
		"dialect, unknown word":          {inGate("dialect strapi {\n\tpepper x\n}"), "4", `unknown word "pepper"; dialect kintone takes password pass, dialect strapi salt`},
		"salt twice":                     {inGate("dialect strapi {\n\tsalt {env.A}\n\tsalt {env.A}\n}"), "5", "salt stands here twice"},
		"salt as text":                   {inGate("dialect strapi {\n\tsalt sesame\n}"), "4", "salt must be a placeholder"},
		"salt of another dialect":        {inGate("dialect apitoken {\n\tsalt {env.A}\n}"), "4", "salt is for dialect strapi alone"},
		"graphql without a path":         {inGate("graphql"), "3", "graphql takes the path of the backend's GraphQL"},
		"graphql, bad path":              {inGate("graphql api"), "3", `"api" is not a path`},
		"graphql twice":                  {inGate("graphql /a\ngraphql /b"), "4", "graphql stands here twice"},
		"graphql, unknown word":          {inGate("graphql /a {\n\tschema x\n}"), "4", `unknown word "schema"; graphql takes introspection`},
		"graphql, a word twice":          {inGate("graphql /a {\n\tmax_batch 1\n\tmax_batch 1\n}"), "5", "max_batch stands here twice"},
		"introspection, unknown":         {inGate("graphql /a {\n\tintrospection off\n}"), "4", `unknown word "off"; use allow, grant or deny`},
		"introspection, no word":         {inGate("graphql /a {\n\tintrospection\n}"), "4", "introspection takes allow, grant or deny"},
		"accept, unknown":                {inGate("graphql /a {\n\taccept forms\n}"), "4", `unknown word "forms"; use documents, uploads or gzip`},
		"accept, nothing":                {inGate("graphql /a {\n\taccept\n}"), "4", "accept takes one word or more"},
		"max_body, no size":              {inGate("graphql /a {\n\tmax_body much\n}"), "4", `"much" is not a size of up to 64MiB`},
		"max_body too large":             {inGate("graphql /a {\n\tmax_body 1GiB\n}"), "4", `"1GiB" is not a size of up to 64MiB`},
		"dialect, errors caddy":          {inGate("dialect strapi\nerrors caddy"), "4", "leave one of both out"},
		"errors caddy, dialect":          {inGate("errors caddy\ndialect strapi"), "4", "leave one of both out"},
		"dialect brings a permission":    {inGate("dialect kintone\npermission record.view {\n\tGET /a\n}"), "4", "permission record.view is defined twice: dialect kintone brings one"},
		"dialect brings one, behind":     {inGate("permission record.view {\n\tGET /a\n}\ndialect kintone"), "6", "permission record.view is defined twice: dialect kintone brings one"},
		"max_body of the gate, no size":  {inGate("max_body much"), "3", `"much" is not a size of up to 64MiB`},
		"max_body of the gate, large":    {inGate("max_body 65MiB"), "3", `"65MiB" is not a size of up to 64MiB`},
		"max_body of the gate, twice":    {inGate("max_body 1MiB\nmax_body 2MiB"), "4", "max_body stands here twice"},
		"max_depth no number":            {inGate("graphql /a {\n\tmax_depth deep\n}"), "4", `max_depth: "deep" is not a number`},
		"max_aliases 0":                  {inGate("graphql /a {\n\tmax_aliases 0\n}"), "4", "max_aliases is 0; it must be from 1 to 1000000"},
		"max_aliases too high":           {inGate("graphql /a {\n\tmax_aliases 1000001\n}"), "4", "max_aliases is 1000001; it must be from 1 to 1000000"},
		"max_depth too high":             {inGate("graphql /a {\n\tmax_depth 1001\n}"), "4", "max_depth is 1001; it must be from 1 to 1000"},
		"max_batch too high":             {inGate("graphql /a {\n\tmax_batch 1001\n}"), "4", "max_batch is 1001; it must be from 1 to 1000"},
		"graphql, a path twice":          {inGate("graphql /a /b /A"), "3", "graphql has /A twice"},
		"accept, a word twice":           {inGate("graphql /a {\n\taccept gzip uploads gzip\n}"), "4", "accept has gzip twice"},
		"documents, a file twice":        {inGate("graphql /a {\n\tdocuments a.json b.json ./a.json\n}"), "4", "documents has ./a.json twice"},
		"resource, no such word":         {inGate("resource a /a rest"), "3", "resource takes a name and a path, and perhaps single and graphql"},
		"resource, no names of fields":   {inGate("resource a:b /a graphql"), "3", "no names of GraphQL fields can be derived"},
		"two paths":                      {inGate("permission a.b {\n\tGET /a /b\n}"), "4", "an operation is a method and one path"},
		"no path":                        {inGate("permission a.b {\n\tGET\n}"), "4", "an operation is a method and one path"},
		"path without a slash":           {inGate("permission a.b {\n\tGET a\n}"), "4", `"a" is not a path`},
		"dot segments":                   {inGate("permission a.b {\n\tGET /a/../b\n}"), "4", "dot segment"},
		"empty segment":                  {inGate("permission a.b {\n\tGET /a//b\n}"), "4", "empty segment"},
		"star in the middle":             {inGate("permission a.b {\n\tGET /a/*/b\n}"), "4", "* only at the end"},
		"half a segment in braces":       {inGate("permission a.b {\n\tGET /a/x{id}\n}"), "4", "braces stand for a whole segment"},
		"braces without a name":          {inGate("permission a.b {\n\tGET /a/{}\n}"), "4", "{} has no name"},
		"one capture twice":              {inGate("permission a.b {\n\tGET /{id}/{id}\n}"), "4", "{id} stands in it twice"},
		"encoded slash":                  {inGate("permission a.b {\n\tGET /a%2Fb\n}"), "4", "slash"},
		"semicolon":                      {inGate("permission a.b {\n\tGET /a;b\n}"), "4", "semicolon"},
		"resource, no path":              {inGate("resource a"), "3", "resource takes a name and a path"},
		"resource, surplus word":         {inGate("resource a /a read"), "3", "resource takes a name and a path"},
		"resource with a dot":            {inGate("resource a.b /a"), "3", `"a.b" can't name a resource`},
		"resource, bad path":             {inGate("resource a /a/../b"), "3", "dot segment"},
		"source of no place":             {inGate("from cookie session"), "3", `"cookie" is not a source`},
		"source without a name":          {inGate("from header"), "3", "from takes"},
		"source with surplus words":      {inGate("from header X-Key list 5"), "3", "from takes"},
		"source twice":                   {inGate("from header X-Key\nfrom header x-key list"), "4", "named twice"},
		"scheme twice":                   {inGate("from authorization Bearer\nfrom authorization bearer"), "4", "named twice"},
		"list in a query":                {inGate("from query a list"), "3", "from takes"},
		"bad name of a header":           {inGate(`from header "X Key"`), "3", "can't name a source"},
		"header Authorization":           {inGate("from header authorization"), "3", "write: authorization <scheme>"},
		"header Cookie":                  {inGate("from header Cookie"), "3", "can't be a source"},
		"open, no path":                  {inGate("open semicolon"), "3", "open takes what to open and one path or more"},
		"open, unknown":                  {inGate("open dots /a"), "3", `"dots" is nothing that can be opened; use one of encoded_slash, encoded_percent, encoded_delimiter, semicolon, method_override, post_as_get`},
		"open, bad path":                 {inGate("open semicolon /a;b"), "3", "semicolon"},
		"open twice":                     {inGate("open semicolon /a\nopen semicolon /b /a"), "4", "semicolon /a is opened twice"},
		"max_tokens 0":                   {inGate("max_tokens 0"), "3", "max_tokens is 0; it must be from 1 to 100"},
		"max_tokens negative":            {inGate("max_tokens -1"), "3", "max_tokens is -1"},
		"max_tokens no number":           {inGate("max_tokens many"), "3", `"many" is not a number`},
		"max_tokens twice":               {inGate("max_tokens 2\nmax_tokens 2"), "4", "max_tokens stands here twice, first in line 3"},
		"max_tokens without a number":    {inGate("max_tokens"), "3", "max_tokens takes a number and nothing else"},
		"identity, bad prefix":           {inGate("identity X-Who"), "3", `"X-Who" can't begin the names of headers`},
		"identity, surplus word":         {inGate("identity X-Who- X-"), "3", "nothing else"},
		"identity twice":                 {inGate("identity off\nidentity X-Who-"), "4", "stands here twice"},
		"preflight, unknown word":        {inGate("preflight off"), "3", `unknown word "off"; use check or pass`},
		"preflight, no word":             {inGate("preflight"), "3", "check or pass"},
		"errors, unknown word":           {inGate("errors json"), "3", `unknown word "json"; use caddy or problem`},
		"errors twice":                   {inGate("errors caddy\nerrors problem"), "4", "stands here twice"},
		"block behind a word":            {inGate("errors caddy {\n\tx\n}"), "3", ""},
		"block behind a source":          {inGate("from header X-Key {\n\tlist\n}"), "3", ""},
		"parameter, no braces":           {inGate("permission a.b {\n\tGET /a?app=7\n}"), "4", `"app=7" is not a parameter; write for example app={app}`},
		"parameter twice":                {inGate("permission a.b {\n\tGET /a?app={app}&app={other}\n}"), "4", "app stands in GET /a?app={app}&app={other} twice"},
		"parameter of the path too":      {inGate("permission a.b {\n\tGET /{app}?x={app}\n}"), "4", "{app} stands in"},
		"JSON of what has no body":       {inGate("permission a.b {\n\tHEAD /a json:app={app}\n}"), "4", "a request with HEAD has no JSON body"},
		"JSON without braces":            {inGate("permission a.b {\n\tPOST /a json:app\n}"), "4", `"app" is not a parameter`},
		"JSON, another word":             {inGate("permission a.b {\n\tPOST /a form:app={app}\n}"), "4", `"form:app={app}" is surplus`},
		"operation twice, parameters":    {inGate("permission a.b {\n\tGET /a?app={app}\n\tGET /a?app={app}\n}"), "5", "has GET /a?app={app} twice"},
		"requires, no name":              {inGate("permission a.b {\n\tGET /a\n\trequires\n}"), "5", "requires takes the names of permissions"},
		"requires, bad name":             {inGate("permission a.b {\n\tGET /a\n\trequires a\n}"), "5", `"a" can't name a permission`},
		"requires, bad condition":        {inGate("permission a.b {\n\tGET /a\n\trequires a.c if upsert\n}"), "5", `"if upsert" is no condition; write for example if json:upsert`},
		"requires, condition alone":      {inGate("permission a.b {\n\tGET /a\n\trequires if json:a\n}"), "5", "requires takes the names of permissions"},
		"requires what is not there":     {inGate("permission a.b {\n\tGET /a\n\trequires a.c\n}"), "5", "permission a.b requires a.c, which is no other permission of this API"},
		"requires itself":                {inGate("permission a.b {\n\tGET /a\n\trequires a.b\n}"), "5", "permission a.b requires a.b, which is no other permission of this API"},
		"requires twice, in a line":      {inGate("permission a.b {\n\tGET /a\n\trequires a.c a.d a.c\n}"), "5", "permission a.b requires a.c twice"},
		"requires twice, in two lines":   {inGate("permission a.b {\n\tGET /a\n\trequires a.c if json:x\n\trequires a.d a.c if json:x\n}"), "6", "permission a.b requires a.c if json:x twice"},
		"requires always, and if":        {inGate("permission a.b {\n\tGET /a\n\trequires a.c\n\trequires a.c if json:x\n}"), "6", "requires a.c both always and with a condition"},
		"requires if, and always":        {inGate("permission a.b {\n\tGET /a\n\trequires a.c if json:x\n\trequires a.c\n}"), "6", "requires a.c both always and with a condition"},
		"requires several not there":     {inGate("permission a.b {\n\tGET /a\n\trequires a.h a.g\n\trequires a.f\n\trequires a.e\n\trequires a.d\n\trequires a.c\n}"), "5", "permission a.b requires a.h, which is no"},
		"requires, not there twice":      {inGate("permission a.b {\n\tGET /a\n\trequires a.d\n}\npermission a.c {\n\tGET /c\n\trequires a.d\n}"), "5", "permission a.b requires a.d, which is no"},
		"dialect twice":                  {inGate("dialect kintone\ndialect strapi"), "4", "dialect stands here twice, first in line 3"},
		"dialect, no name":               {inGate("dialect"), "3", "dialect takes kintone, strapi or apitoken and nothing else"},
		"dialect, a block of another":    {inGate("dialect strapi {\n\tpassword pass\n}"), "4", `unknown word "password"; dialect kintone takes password pass`},
		"dialect, unknown in the block":  {inGate("dialect kintone {\n\tpasswords pass\n}"), "4", `unknown word "passwords"; dialect kintone takes password pass`},
		"password, unknown word":         {inGate("dialect kintone {\n\tpassword check\n}"), "4", "password can only be pass"},
		"password, no word":              {inGate("dialect kintone {\n\tpassword\n}"), "4", "password takes pass and nothing else"},
		"password twice":                 {inGate("dialect kintone {\n\tpassword pass\n\tpassword pass\n}"), "5", "password stands here twice"},
		"a permission of the dialect":    {inGate("permission record.view {\n\tGET /a\n}\ndialect kintone"), "6", "permission record.view is defined twice"},
		"the dialect's, behind it":       {inGate("dialect kintone\npermission record.view {\n\tGET /a\n}"), "4", "permission record.view is defined twice"},
		"store twice":                    {inOption("store sqlite a\nstore sqlite b"), "4", "store stands here twice, first in line 3"},
		"store without a driver":         {inOption("store"), "3", "store takes a driver and a source"},
		"store with surplus words":       {inOption("store sqlite a b"), "3", "store takes a driver and a source"},
		"unknown store":                  {inOption("store mysql a"), "3", `"mysql" is not a store`},
		"postgres, no dsn":               {inOption(`store postgres ""`), "3", "store postgres needs to know how to connect"},
		"postgres, pairs without quotes": {inOption("store postgres host=db user=gw"), "3", "store takes a driver and a source"},
		"postgres, a password":           {inOption("store postgres postgres://gw:hunter2@db/tokens"), "3", "store postgres has a password in it"},
		"postgres, a password in pairs":  {inOption("store postgres \"host=db password=hunter2\""), "3", "write {env.DATABASE_URL} or {file./run/secrets/dsn}"},
		"postgres, from the environment": {inOption("store postgres {$TOKENREEVE_TEST_DSN:postgres://gw:hunter2@db/tokens}"), "3", "({$NAME} is filled in too early)"},
		"invalidation of sqlite":         {inOption("store sqlite /a\ninvalidation listen"), "4", "invalidation is for store postgres"},
		"invalidation of no store":       {inOption("invalidation poll 1s"), "3", "invalidation is for store postgres"},
		"invalidation, no word":          {inOption("store postgres host=db\ninvalidation"), "4", "invalidation takes listen, or poll and an interval"},
		"invalidation, unknown word":     {inOption("store postgres host=db\ninvalidation push"), "4", "invalidation takes listen, or poll and an interval"},
		"invalidation, surplus word":     {inOption("store postgres host=db\ninvalidation listen 1s"), "4", "invalidation takes listen, or poll and an interval"},
		"invalidation twice":             {inOption("store postgres host=db\ninvalidation listen\ninvalidation listen"), "5", "invalidation stands here twice"},
		"poll, no interval":              {inOption("store postgres host=db\ninvalidation poll"), "4", "invalidation takes listen, or poll and an interval"},
		"poll, no duration":              {inOption("store postgres host=db\ninvalidation poll 1"), "4", `invalidation poll: "1" is not a duration`},
		"poll too often":                 {inOption("invalidation poll 10ms\nstore postgres host=db"), "3", "invalidation poll is 10ms; it must be from 100ms to cache_ttl, which is 10s"},
		"poll behind cache_ttl":          {inOption("invalidation poll 2s\nstore postgres host=db\ncache_ttl 1s"), "3", "invalidation poll is 2s; it must be from 100ms to cache_ttl, which is 1s"},
		"cache_ttl 0":                    {inOption("cache_ttl 0"), "3", "cache_ttl is 0s; it must be from 100ms to 1h0m0s"},
		"cache_ttl negative":             {inOption("cache_ttl -10s"), "3", "cache_ttl is -10s"},
		"cache_ttl without a unit":       {inOption("cache_ttl 10"), "3", `cache_ttl: "10" is not a duration`},
		"cache_ttl too long":             {inOption("cache_ttl 1d"), "3", "cache_ttl is 24h0m0s"},
		"cache_size 0":                   {inOption("cache_size 0"), "3", "cache_size is 0; it must be from 100"},
		"cache_size negative":            {inOption("cache_size -5"), "3", "cache_size is -5"},
		"cache_size no number":           {inOption("cache_size 1e6"), "3", `"1e6" is not a number`},
		"cache_size out of all bounds":   {inOption("cache_size 99999999999999999999"), "3", "is not a number"},
		"stale_if_error negative":        {inOption("stale_if_error -1s"), "3", "stale_if_error is -1s"},
		"flush_interval 0":               {inOption("flush_interval 0s"), "3", "flush_interval is 0s"},
		"flush_interval twice":           {inOption("flush_interval 1s\nflush_interval 1s"), "4", "stands here twice"},
		"flush_interval, two words":      {inOption("flush_interval 1s 2s"), "3", "nothing else"},
		"option twice":                   {"{\n\tapi_tokens {\n\t}\n\tapi_tokens {\n\t}\n}\n:80\n", "4", "stands here twice"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := adapt(test.caddyfile)
			if err == nil {
				t.Fatalf("no error; it became %s", config)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it repeats the password: %q", err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %q; want %q in it", err, test.says)
			}
			place := regexp.MustCompile(`Caddyfile:(\d+)`).FindStringSubmatch(err.Error())
			if place == nil || test.line != "" && place[1] != test.line {
				t.Errorf("it says %q; want Caddyfile:%s in it", err, test.line)
			}
		})
	}
}

// Whatever stands in a Caddyfile is a configuration or an error.
func FuzzCaddyfileParserNeverPanics(f *testing.F) {
	files, err := filepath.Glob("testdata/adapt/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), adaptSeparator)
		f.Add(input)
	}
	f.Add("api_tokens a {\n from\n permission a.b {\n GET {$X} {\n }\n resource\n")
	f.Fuzz(func(t *testing.T, text string) {
		if tokens, err := caddyfile.Tokenize([]byte(text), "Caddyfile"); err == nil && len(tokens) > 0 {
			h := new(Handler)
			if err := h.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err == nil {
				if _, err := json.Marshal(h); err != nil {
					t.Errorf("%q: accepted, but it has no JSON: %v", text, err)
				}
			}
			_, _ = parseGlobalOption(caddyfile.NewDispenser(tokens), nil)
		}
		_, _ = adapt(text)
	})
}
