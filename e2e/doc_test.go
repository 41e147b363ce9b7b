// Package e2e runs gateways as processes, as users have them: built binaries,
// Caddyfile.example, the real command line, and a backend from npm that knows
// nothing of tokens. It has tests only.
package e2e
