// Command tokenreeve is Caddy with Tokenreeve built in: every Caddy command,
// `api-tokens` for managing tokens, and `demo` for a first look.
package main

import (
	"os"
	"runtime/debug"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/tokenreeve/tokenreeve"
)

// gcPercent suits a server that keeps little and allocates much: the collector
// runs an eighth as often as by default. The limit on memory that Caddy takes
// from the machine still holds. GOGC in the environment overrides it.
const gcPercent = 800

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	caddycmd.Main()
}
