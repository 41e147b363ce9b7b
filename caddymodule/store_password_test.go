package caddymodule

import "testing"

// Rule 20: what Caddy shows must not hold a password, in whatever way it is written.
func TestHasPassword(t *testing.T) {
	for dsn, want := range map[string]bool{
		"":                                            false,
		"{env.DATABASE_URL}":                          false,
		"{file./run/secrets/dsn}":                     false,
		"postgres://db/tokens":                        false,
		"postgres://gw@db:5432/tokens":                false,
		"postgres://gw@db1:5432,db2:5433/tokens":      false,
		"postgres://gw:@db/tokens":                    false,
		"postgres://gw:{env.PW}@db/tokens":            false,
		"postgres://gw@db/t?password={file./p}":       false,
		"postgres://gw@db/t?passfile=/run/pgpass":     false,
		"postgres://db:5432/t?application_name=a@b":   false,
		"postgres://gw@db:5432/t?application_name=@b": false,
		"postgres://[::1]:5432/tokens":                false,
		"host=db user=gw":                             false,
		"host=db password={env.PW} user=gw":           false,
		"host=db password='{env.PW}'":                 false,
		"host=db password=":                           false,
		"host=db passfile=/run/pgpass":                false,

		"postgres://gw:hunter2@db/tokens":              true,
		"postgresql://gw:hunter2@db/tokens":            true,
		"postgres://gw:hun{env.REST}@db/tokens":        true,
		"postgres://gw:{hunter2}@db/tokens":            true,
		"postgres://gw:{env.PW}2@db/tokens":            true,
		"{env.SCHEME}://gw:hunter2@db/tokens":          true,
		"postgres://gw:%68unter2@db/tokens":            true,
		"postgres://gw:hun@ter2@db/tokens":             true,
		"postgres://gw:@hunter2@db/tokens":             true,
		"postgres://gw:hun/ter2@db/tokens":             true,
		"postgres://gw:12/ter2@db/tokens":              true,
		"postgres://gw:hun?ter2@db/tokens":             true,
		"postgres://gw:hun/ter?2@db/tokens":            true,
		"postgres://gw:1:2@db/tokens":                  true,
		"postgres://gw@db/t?password=hunter2":          true,
		"postgres://gw@db/t?a=b&pass%77ord=hunter2":    true,
		"postgres://gw@db/t?sslpassword=hunter2":       true,
		"host=db password=hunter2":                     true,
		"password=hunter2":                             true,
		"host=db password = hunter2":                   true,
		"host=db password='hunter 2'":                  true,
		`host=db password='\'hunter 2'`:                true,
		"host=db password='hunter2":                    true,
		"host=db PASSWORD=hunter2":                     true,
		"host=db sslpassword=hunter2":                  true,
		"host=db password=\thunter2":                   true,
		"host=db password=hunter{env.PW} user=gateway": true,
	} {
		if got := hasPassword(dsn); got != want {
			t.Errorf("hasPassword(%q) = %v; want %v", dsn, got, want)
		}
	}
}
