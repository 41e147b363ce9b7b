package caddymodule

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tokenreeve/tokenreeve/admin"
)

// Security rule: no secret in logs, but for the set-up link, which shows once.
func TestAdminSecretsInLogs(t *testing.T) {
	for name, test := range map[string]struct{ format, servers string }{
		"as Caddy logs":                      {"", ""},
		"format api_tokens":                  {"format api_tokens", ""},
		"format api_tokens within another":   {"format filter {\n\t\t\twrap api_tokens\n\t\t\tfields {\n\t\t\t\tnothing delete\n\t\t\t}\n\t\t}", ""},
		"format api_tokens, all credentials": {"format api_tokens", "servers {\n\t\tlog_credentials\n\t}"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newManagement(t, map[string]string{
				"LOGS":    "log {\n\t\toutput file DIR/access.log\n\t\t" + test.format + "\n\t}\n\tlog_append session {http.request.cookie.tokenreeve}",
				"SERVERS": test.servers,
				"DEBUG\n": "debug\n\t\t" + test.format + "\n",
			})
			address, link := g.setUpLink()
			in := g.anyone().do("POST", "set-up", object{"link": link, "name": "ann", "password": adminPassword}).want(t, http.StatusCreated)
			ann := g.anyone("Cookie: theme=dark; " + in.cookie(t))
			if test.format != "" { // nobody's message but the gateway's own shows it
				g.ask("GET", "/set-up", "Referer: "+address+"#"+link)
			}
			made := readAs[issued](t, ann.do("POST", "tokens", object{"api": admin.ManagementAPI, "name": "ci", "type": "read-only", "duration": "7d"}).want(t, http.StatusCreated))
			g.anyone("Authorization: Bearer "+made.Secret).do("GET", "tokens", nil).want(t, http.StatusOK)
			g.anyone("X-API-Key: "+made.Secret).do("GET", "tokens", nil).want(t, http.StatusOK)
			access, err := os.ReadFile(filepath.Join(g.dir, "access.log"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(access), `"user_id":"`+made.Token.ID) || !strings.Contains(string(access), `"user_id":"acc_`) {
				t.Errorf("the access log does not say who it was: %s", access)
			}
			logs := strings.Replace(g.log(), address+"#"+link, "", 1) + string(access)
			_, session, _ := strings.Cut(in.cookie(t), "=")
			secrets := map[string]string{"link": link, "password": adminPassword, "session": session, "token": made.Secret}
			if test.format == "" { // log_append asked for it, and X-API-Key is not known to Caddy
				delete(secrets, "session")
				delete(secrets, "token")
			}
			for what, secret := range secrets {
				if i := strings.Index(logs, secret); i >= 0 {
					t.Errorf("the %s is in a log: …%s", what, logs[max(0, i-200):i+20])
				}
			}
		})
	}
}

// Whoever else writes what looks like the set-up link shows none.
func TestLogFormatKnowsTheMessageWithTheLink(t *testing.T) {
	f := newFormat(t, `{}`)
	link := zap.String("link", "https://tokens.example.com"+setUpPath+"#"+admin.SessionPrefix+strings.Repeat("0f", 32))
	for _, test := range []struct {
		logger, message string
		shows           bool
	}{
		{appLogger, setUpMessage, true},
		{appLogger, "another", false},
		{"http.handlers.log", setUpMessage, false},
		{appLogger, setUpMessage + link.String, false},
		{"http.log.access", "handled request", false},
	} {
		line, err := f.EncodeEntry(zapcore.Entry{Message: test.message, LoggerName: test.logger}, []zap.Field{link})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line.String(), admin.SessionPrefix) != test.shows {
			t.Errorf("%s: %s", test.logger, line)
		}
		line.Free()
	}
}
