package texts

var apis = map[string]string{
	"apis.title":       "APIs",
	"apis.one":         "API",
	"apis.intro":       "What the gateways protect, as they were configured. Tokens are made for one API each.",
	"apis.name":        "API",
	"apis.gateways":    "Gateways",
	"apis.since":       "Since",
	"apis.seen":        "Last heard of",
	"apis.version":     "Version",
	"apis.permissions": "Permissions",
	"apis.tokens":      "Tokens",
	"apis.token.one":   "1 token",
	"apis.token.other": "{n} tokens",
	"apis.make":        "Make a token",
	"apis.own":         "these pages’ own",
	"apis.own.text":    "The API of Tokenreeve itself: scripts make, rotate and delete tokens with it. Its tokens act for the account of their owner.",

	"apis.running.one":      "1 running",
	"apis.running.other":    "{n} running",
	"apis.silent":           "none running",
	"apis.unheard":          "none heard of",
	"apis.unheard.text":     "No gateway has been heard of that protects this API. Its tokens work nowhere until one does.",
	"apis.differ":           "permissions differ",
	"apis.differ.text":      "Not all gateways that run have the permissions shown here. Give all of them the same configuration: a token may do different things at different gateways until then.",
	"operations.more.one":   "and 1 more",
	"operations.more.other": "and {n} more",
	"apis.updated":          "These permissions are in force since:",

	"apis.gateway":         "Gateway",
	"apis.gateway.state":   "State",
	"apis.gateway.runs":    "running",
	"apis.gateway.silent":  "silent",
	"apis.gateway.catalog": "Permissions",
	"apis.gateway.same":    "as shown here",
	"apis.gateway.other":   "others",
	"apis.version.unknown": "unknown",

	"apis.permission.one":   "1 permission",
	"apis.permission.other": "{n} permissions",
	"apis.filter":           "Find a permission or a path",
	"apis.filter.none":      "No permission matches.",
	"apis.filter.found":     "Permissions that match: ",
	"apis.requires":         "also needs %s",
	"apis.requires.if":      "%s if the request has %s",
	"apis.marks":            "Read-only tokens may do what reads: GET, HEAD, OPTIONS and GraphQL queries, and what is marked as reading; nothing that is marked as writing.",
	"mark.read":             "counts as reading",
	"mark.write":            "counts as writing",

	"apis.bare": "This API names no permissions. Its custom tokens are granted operations written out, such as GET /api/articles/{id}. Name some in the Caddyfile to have check boxes instead:",
	"apis.bare.caddyfile": `api_tokens %s {
	resource article /api/articles
	permission search.run read {
		POST /api/search
	}
}`,
}
