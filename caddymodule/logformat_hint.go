package caddymodule

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/gate"
)

// hintAtLogs says once that logs will have credentials. With an access log that
// is a warning. Without one it is about requests that end in an error, and
// about debugging: for information.
func (a *App) hintAtLogs() {
	sources := a.loggedSources()
	if len(sources) == 0 || formats.any(a.ctx) {
		return
	}
	level := zap.InfoLevel
	if a.logsAccess() {
		level = zap.WarnLevel
	}
	if line := a.logger.Check(level, "credentials of requests can show in logs; write format api_tokens in every log, also in log default of the global options"); line != nil {
		line.Write(zap.Strings("sources", sources))
	}
}

// loggedSources are those that Caddy writes to logs as they are. It does not
// for Authorization.
func (a *App) loggedSources() (names []string) {
	seen := map[string]bool{}
	for _, h := range a.handlers {
		for _, s := range h.Sources {
			if name := string(s.Place) + " " + s.Name; s.Place != gate.Authorization && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

func (a *App) logsAccess() bool {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return false
	}
	http, ok := app.(*caddyhttp.App)
	if !ok {
		return false
	}
	for _, server := range http.Servers {
		if server.Logs != nil {
			return true
		}
	}
	return false
}
