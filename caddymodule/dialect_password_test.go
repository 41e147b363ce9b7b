package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// In JSON too, password is pass or nothing, and for dialect kintone alone: a word that
// says nothing may have been meant to say something.
func TestPasswordInJSON(t *testing.T) {
	for name, test := range map[string]struct {
		handler string
		fine    bool
	}{
		"kintone":               {`"dialect": "kintone", "password": "pass"`, true},
		"none":                  {`"dialect": "kintone"`, true},
		"kintone, another word": {`"dialect": "kintone", "password": "check"`, false},
		"kintone, another case": {`"dialect": "kintone", "password": "Pass"`, false},
		"another dialect":       {`"dialect": "strapi", "password": "pass"`, false},
		"no dialect":            {`"password": "pass"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var config caddy.Config
			err := json.Unmarshal([]byte(`{
				"admin": {"disabled": true},
				"storage": {"module": "file_system", "root": "`+t.TempDir()+`"},
				"apps": {"http": {"servers": {"gate": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{"handler": "api_tokens", `+test.handler+`}]}]}}}}
			}`), &config)
			if err != nil {
				t.Fatal(err)
			}
			if err := caddy.Validate(&config); (err == nil) != test.fine || err != nil && !strings.Contains(err.Error(), errPassword.Error()) {
				t.Errorf("got %v", err)
			}
		})
	}
}
