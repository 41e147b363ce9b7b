package texts

var secret = map[string]string{
	"secret.created":         "Your new token",
	"secret.secret":          "The secret",
	"secret.warning":         "Copy it now and keep it safe. It will not be shown again, here or anywhere; only what it begins and ends with is kept.",
	"secret.use":             "Use it",
	"secret.unknown-address": "This server doesn't know where the API is to be reached. Put its address in the place of https://api.example.com.",
	"secret.unknown-path":    "Put the path that you want to call in the place of PATH.",
	"secret.writes":          "These lines change something. Look at them before you run them.",
	"secret.deletes":         "These lines delete. Run them only if what stands at that address may go.",
	"secret.body":            "The body stands for what the request sends. Put that in its place.",
	"secret.no-example":      "The permissions of the API can't be read right now. Put the path that you want to call in the place of PATH.",
	"secret.unmet":           "The token lacks %s, without which all requests of %s are refused.",
	"secret.keep":            "The secret is in these lines. In programs that others see, take it from the environment instead, and never put it into a web page.",
	"secret.to-token":        "Done, go to the token",

	"copy.copy":   "Copy",
	"copy.done":   "Copied",
	"copy.failed": "Selected; press Ctrl+C to copy",
}
