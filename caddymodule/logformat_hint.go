package caddymodule

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/gate"
)

// hintAtLogs says once that logs will have credentials, and which loggers write
// to them. With an access log that is a warning. Without one it is about requests
// that end in an error, and about debugging: for information.
func (a *App) hintAtLogs() {
	servers := a.servers()
	sources := a.loggedSources(servers)
	if len(sources) == 0 {
		return
	}
	level := zap.InfoLevel
	loggers := a.bareLoggers(servers)
	switch {
	case len(loggers) == 0:
		return
	case strings.HasPrefix(loggers[0], accessLogger):
		level = zap.WarnLevel
	}
	if line := a.logger.Check(level, "credentials of requests can show in logs; write format api_tokens in every log, also in log default of the global options"); line != nil {
		line.Write(zap.Strings("sources", sources), zap.Strings("loggers", loggers))
	}
}

func (a *App) servers() map[string]*caddyhttp.Server {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return nil
	}
	http, ok := app.(*caddyhttp.App)
	if !ok {
		return nil
	}
	return http.Servers
}

// loggedSources are those that Caddy writes to logs as they are, and headers with
// passwords. It does not for Authorization, unless log_credentials says so.
func (a *App) loggedSources(servers map[string]*caddyhttp.Server) (names []string) {
	credentials := false
	for _, server := range servers {
		credentials = credentials || server.Logs != nil && server.Logs.ShouldLogCredentials
	}
	for _, h := range a.handlers {
		sources := h.Sources
		if h.password != nil {
			sources = append(slices.Clip(sources), gate.Source{Place: gate.Header, Name: h.password.Header})
		}
		for _, s := range sources {
			name := string(s.Place) + " " + s.Name
			if (s.Place != gate.Authorization || credentials) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Caddy's loggers for requests. Those with the name of a log are below the first.
const (
	accessLogger = "http.log.access"
	errorLogger  = "http.log.error"
)

// bareLoggers are the loggers for requests that write to a log without the
// format, those of access logs first.
func (a *App) bareLoggers(servers map[string]*caddyhttp.Server) (names []string) {
	access := accessLoggers(servers)
	for _, name := range access {
		if a.writesBare(name + itself) {
			names = append(names, name)
		}
	}
	if len(names) == 0 && len(access) > 0 && a.writesBare(accessLogger) { // one that routes choose with log_name
		names = append(names, accessLogger+".*")
	}
	if a.writesBare(errorLogger) {
		names = append(names, errorLogger)
	}
	if len(names) == 0 && a.writesBare("http") { // some handler's
		names = append(names, "http.*")
	}
	return names
}

// accessLoggers are those that the servers name, sorted.
func accessLoggers(servers map[string]*caddyhttp.Server) []string {
	names := map[string]bool{}
	add := func(name string) { names[strings.TrimSuffix(accessLogger+"."+name, ".")] = true }
	for _, server := range servers {
		if server.Logs == nil {
			continue
		}
		if !server.Logs.SkipUnmappedHosts {
			add(server.Logs.DefaultLoggerName)
		}
		for _, ofHost := range server.Logs.LoggerNames {
			for _, name := range ofHost {
				add(name)
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// itself makes of the name of a logger that of a module below it. Caddy finds for
// a module the logs of all loggers above and below its name, and nothing is below
// this one.
const itself = ".-"

// writesBare reports whether a logger, or one below it, writes to a log without
// the format. It adds a field to the logs, as loggers with fields do, and that
// field looks who takes it. No line is written.
func (a *App) writesBare(logger string) bool {
	p := new(formatProbe)
	a.ctx.Logger(loggerName(logger)).With(zap.Inline(p))
	return p.logs > p.redacted
}

// loggerName is the name of a logger in the form of a module, by which Caddy
// finds logs.
type loggerName string

// CaddyModule returns the name.
func (n loggerName) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID(n)}
}

// formatProbe is a field that counts the logs that it is added to, and those of
// them that have the format, around other formats or within.
type formatProbe struct{ logs, redacted int }

// MarshalLogObject is called once for each log.
func (p *formatProbe) MarshalLogObject(log zapcore.ObjectEncoder) error {
	p.logs++
	return log.AddReflected("api_tokens", p) // on its way through the formats it meets redactedObject
}
