package texts

var layout = map[string]string{
	"product":         "Tokenreeve",
	"layout.skip":     "Skip to the content",
	"layout.menu":     "Main",
	"layout.account":  "Account",
	"layout.sign-out": "Sign out",
	"layout.no":       "never",
	"form.problems":   "Please mend this first:",
	"form.cancel":     "Cancel",
	"form.optional":   "optional",

	"menu.tokens":   "Tokens",
	"menu.try":      "Try it",
	"menu.apis":     "APIs",
	"menu.accounts": "Accounts",
	"menu.roles":    "Roles",
	"menu.audit":    "Audit trail",
}

// fields are what people call the fields of forms and records.
var fields = map[string]string{
	"field.name":            "Name",
	"field.description":     "Description",
	"field.api":             "API",
	"field.type":            "Type",
	"field.grants":          "Permissions",
	"field.owner":           "Owner",
	"field.expiry":          "Expires",
	"field.enabled":         "Enabled",
	"field.last_used":       "Last used",
	"field.hint":            "Secret",
	"field.old_secrets_end": "Old secret ends",
	"field.password":        "Password",
	"field.link":            "Set-up link",
}

var times = map[string]string{
	"time.past.now":            "just now",
	"time.past.minute.one":     "1 minute ago",
	"time.past.minute.other":   "{n} minutes ago",
	"time.past.hour.one":       "1 hour ago",
	"time.past.hour.other":     "{n} hours ago",
	"time.past.day.one":        "yesterday",
	"time.past.day.other":      "{n} days ago",
	"time.past.month.one":      "1 month ago",
	"time.past.month.other":    "{n} months ago",
	"time.past.year.one":       "1 year ago",
	"time.past.year.other":     "{n} years ago",
	"time.future.now":          "in a moment",
	"time.future.minute.one":   "in 1 minute",
	"time.future.minute.other": "in {n} minutes",
	"time.future.hour.one":     "in 1 hour",
	"time.future.hour.other":   "in {n} hours",
	"time.future.day.one":      "in 1 day",
	"time.future.day.other":    "in {n} days",
	"time.future.month.one":    "in 1 month",
	"time.future.month.other":  "in {n} months",
	"time.future.year.one":     "in 1 year",
	"time.future.year.other":   "in {n} years",
}
