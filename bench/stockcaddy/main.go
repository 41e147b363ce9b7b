// Command stockcaddy is Caddy as it is published, built from the version that
// this module requires, so that a comparison with it measures Tokenreeve and not
// two versions of Caddy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
