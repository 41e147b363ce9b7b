// Package caddymodule makes Tokenreeve a Caddy module: the app api_tokens, the
// handler and directive of the same name, those of api_tokens_admin, their
// metrics and log lines, and the command line. It is the only package that knows Caddy.
package caddymodule
