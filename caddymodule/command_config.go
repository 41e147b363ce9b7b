package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
)

// gatewayConfig is what the commands need of a Caddy configuration.
type gatewayConfig struct {
	store StoreConfig
	known []store.Catalog // of the APIs that the configuration protects
	// graphQL is that of each API, of all of its gates.
	graphQL map[string][]store.GraphQL
	// unsalted are those of known with a gate that has no salt.
	unsalted []string
}

// readConfig reads the configuration as other Caddy commands do: the named
// file, else the Caddyfile of the current folder, else none at all.
func readConfig(file, adapter string) (gatewayConfig, error) {
	text, err := loadQuietly(file, adapter)
	if err != nil || len(text) == 0 {
		return gatewayConfig{}, err
	}
	var parsed struct {
		Apps struct {
			APITokens struct {
				Store        StoreConfig  `json:"store"`
				Invalidation Invalidation `json:"invalidation"`
			} `json:"api_tokens"`
			HTTP json.RawMessage `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return gatewayConfig{}, fmt.Errorf("reading the configuration: %w", err)
	}
	config := gatewayConfig{store: parsed.Apps.APITokens.Store}
	config.store.poll = parsed.Apps.APITokens.Invalidation.poll()
	err = config.addCatalogs(parsed.Apps.HTTP)
	for i, c := range config.known {
		config.known[i].GraphQL = graphQLOf(config.graphQL[c.API])
	}
	return config, err
}

// loadQuietly keeps the log lines of Caddy's loader away from the terminal: they
// are about the gateway's start, and a command's answer is its own. Errors come
// back as such.
func loadQuietly(file, adapter string) ([]byte, error) {
	_, original, buffered := caddy.BufferedLog()
	defer func() {
		buffered.FlushTo(zap.NewNop())
		caddy.UnbufferDefaultLogger(original)
	}()
	text, _, _, err := caddycmd.LoadConfig(file, adapter)
	return text, err
}

// addCatalogs finds the gate's handlers wherever they stand: routes nest in
// subroutes, and other modules may have routes of their own.
func (c *gatewayConfig) addCatalogs(node json.RawMessage) error {
	switch {
	case bytes.HasPrefix(node, []byte("[")):
		var list []json.RawMessage
		if err := json.Unmarshal(node, &list); err != nil {
			return err
		}
		return c.addAll(slices.Values(list))
	case bytes.HasPrefix(node, []byte("{")):
		var object map[string]json.RawMessage
		if err := json.Unmarshal(node, &object); err != nil {
			return err
		}
		switch string(object["handler"]) {
		case `"api_tokens"`:
			return c.addHandler(node)
		case `"api_tokens_admin"`:
			c.add(store.Catalog{API: admin.ManagementAPI, Permissions: admin.ManagementPermissions()})
			return nil
		}
		return c.addAll(maps.Values(object))
	}
	return nil // a text, a number
}

func (c *gatewayConfig) addAll(nodes iter.Seq[json.RawMessage]) error {
	for node := range nodes {
		if err := c.addCatalogs(node); err != nil {
			return err
		}
	}
	return nil
}

func (c *gatewayConfig) addHandler(node json.RawMessage) error {
	var handler struct {
		API         string                  `json:"api"`
		Permissions []permission.Permission `json:"permissions"`
		Dialect     string                  `json:"dialect"`
		Salt        string                  `json:"salt"`
		Changes     string                  `json:"changes"`
		GraphQL     *GraphQL                `json:"graphql"`
	}
	if err := json.Unmarshal(node, &handler); err != nil {
		return fmt.Errorf("reading an api_tokens handler: %w", err)
	}
	if handler.API == "" {
		handler.API = defaultAPI
	}
	c.add(store.Catalog{
		API: handler.API, Permissions: withDialect(handler.Dialect, handler.Permissions), Staged: handler.Changes == changesStaged,
	})
	if c.graphQL == nil {
		c.graphQL = map[string][]store.GraphQL{}
	}
	c.graphQL[handler.API] = addGraphQL(c.graphQL[handler.API], handler.GraphQL)
	if handler.Salt == "" {
		c.unsalted = append(c.unsalted, handler.API)
	}
	return nil
}

// add adds a catalog. Several sites may stand in front of one API. The gateway
// wants all their handlers to have the same permissions, so the first speaks for
// the rest.
func (c *gatewayConfig) add(catalog store.Catalog) {
	if !slices.ContainsFunc(c.known, func(k store.Catalog) bool { return k.API == catalog.API }) {
		c.known = append(c.known, catalog)
	}
}
