package admin

import (
	"regexp"
	"strconv"

	"github.com/tokenreeve/tokenreeve/token"
)

// secretIn recognises secrets, also those that miss a few characters.
var secretIn = regexp.MustCompile(token.Prefix + `[0-9A-Za-z]{12,}|` + SessionPrefix + `[0-9a-f]{12,}`)

// quoted is a value as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// notRepeated stands for a value with a secret.
const notRepeated = "(that is a secret, and not repeated)"

// longestTold is how many characters of a value are repeated to whoever gave it.
const longestTold = 200

// Told returns the text of an error as it may be shown. Errors repeat what is wrong, and end
// up in terminals and logs: without secrets that stand in a wrong field, and long values in part.
func Told(text string) string {
	text = quoted.ReplaceAllStringFunc(text, func(value string) string {
		if secretIn.MatchString(value) {
			return notRepeated
		}
		plain, err := strconv.Unquote(value)
		if runes := []rune(plain); err == nil && len(runes) > longestTold {
			return strconv.Quote(string(runes[:longestTold]) + "…")
		}
		return value
	})
	return secretIn.ReplaceAllLiteralString(text, notRepeated)
}
