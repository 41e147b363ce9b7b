package ui

import (
	"strings"

	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
)

// What browsers call themselves. Most claim to be others as well, so the first
// that is found counts.
var browsers = []struct{ mark, name string }{
	{"Edg/", "Edge"},
	{"EdgA/", "Edge"},
	{"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Firefox/", "Firefox"},
	{"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"},
	{"Chrome/", "Chrome"},
	{"Safari/", "Safari"},
}

var systems = []struct{ mark, name string }{
	{"iPhone", "iPhone"},
	{"iPad", "iPad"},
	{"Android", "Android"},
	{"Windows", "Windows"},
	{"CrOS", "ChromeOS"},
	{"Macintosh", "macOS"},
	{"Linux", "Linux"},
}

// maxAgent is how much is shown of a User-Agent that nobody knows.
const maxAgent = 60

// device says in words what a session was begun with, such as "Chrome on Linux".
func device(agent string) string {
	browser, system := found(browsers, agent), found(systems, agent)
	switch {
	case agent == "":
		return texts.Get("session.no-agent")
	case browser != "" && system != "":
		return texts.Get("session.device", browser, system)
	}
	runes := []rune(strings.ToValidUTF8(agent, "\ufffd"))
	if len(runes) > maxAgent {
		return string(runes[:maxAgent]) + "…"
	}
	return string(runes)
}

func found(known []struct{ mark, name string }, agent string) string {
	for _, one := range known {
		if strings.Contains(agent, one.mark) {
			return one.name
		}
	}
	return ""
}
