package caddymodule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/gate"
)

const dialectStrapi = "strapi"

// saltPlaceholder is all that may stand for the salt: Caddy's admin endpoint shows
// the configuration to whoever may ask for it.
var saltPlaceholder = regexp.MustCompile(`^\{(?:env|file)\.[^{}]+\}$`)

var (
	errSaltDialect = errors.New("salt is for dialect strapi alone")
	// errSaltShown does not repeat what was written.
	errSaltShown = errors.New("salt must be a placeholder, {env.API_TOKEN_SALT} or {file./run/secrets/salt}, " +
		"since Caddy's admin endpoint would show it; {$NAME} is filled in too early")
)

func (h *Handler) checkSalt() error {
	switch {
	case h.Salt == "":
		return nil
	case h.Dialect != dialectStrapi:
		return errSaltDialect
	case !saltPlaceholder.MatchString(h.Salt):
		return errSaltShown
	}
	return nil
}

// openSalt fills the salt in, if there is one.
func (h *Handler) openSalt() (*gate.Salted, error) {
	if err := h.checkSalt(); err != nil || h.Salt == "" {
		return nil, err
	}
	salt := strings.TrimRight(caddy.NewReplacer().ReplaceAll(h.Salt, ""), "\r\n") // files end with a newline
	if salt == "" {
		return nil, fmt.Errorf("salt of API %s: %s", h.API, noSalt(h.Salt))
	}
	return gate.NewSalted(salt), nil
}

// noSalt says what to do about a placeholder for nothing.
func noSalt(placeholder string) string {
	if name, ok := strings.CutPrefix(strings.TrimSuffix(placeholder, "}"), "{env."); ok {
		return name + " is not set, or empty; set it in the environment of the gateway's process"
	}
	return placeholder + " is empty, or can't be read"
}
