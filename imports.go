// Package tokenreeve puts API tokens in front of any REST backend, as a module
// for Caddy. Importing it adds the module:
//
//	xcaddy build --with github.com/tokenreeve/tokenreeve
package tokenreeve

import _ "github.com/tokenreeve/tokenreeve/caddymodule" // registers the module
