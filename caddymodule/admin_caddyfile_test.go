package caddymodule

import (
	"regexp"
	"strings"
	"testing"
)

// inAdmin puts lines into the block of the directive: the first is line 3.
func inAdmin(lines string) string {
	return ":80 {\n\tapi_tokens_admin {\n\t\t" + strings.ReplaceAll(lines, "\n", "\n\t\t") + "\n\t}\n}\n"
}

func TestAdminCaddyfileErrors(t *testing.T) {
	header := func(lines string) string {
		return inAdmin("sign_in header Remote-User {\n\t" + strings.ReplaceAll(lines, "\n", "\n\t") + "\n}")
	}
	oidc := func(lines string) string {
		return inAdmin("sign_in oidc https://id.example.com {\n\t" + strings.ReplaceAll(lines, "\n", "\n\t") + "\n}")
	}
	for name, test := range map[string]struct{ caddyfile, line, says string }{
		"surplus word":              {":80 {\n\tapi_tokens_admin articles\n}\n", "2", `surplus word "articles"; api_tokens_admin takes a block only`},
		"unknown word":              {inAdmin("login password"), "3", `unknown word "login"; api_tokens_admin takes sign_in, host and audit_retention`},
		"sign_in alone":             {inAdmin("sign_in"), "3", "sign_in takes password, or header"},
		"sign_in, unknown way":      {inAdmin("sign_in kerberos"), "3", "sign_in takes password, or header"},
		"sign_in password twice":    {inAdmin("sign_in password\nsign_in password"), "4", "sign_in password stands here twice"},
		"sign_in password, surplus": {inAdmin("sign_in password strong"), "3", "sign_in takes password, or header"},
		"sign_in header, no name":   {inAdmin("sign_in header {\n\tfrom 10.0.0.5\n}"), "3", "sign_in takes password, or header"},
		"sign_in header, no block":  {inAdmin("sign_in header Remote-User"), "3", "needs the addresses of the proxy"},
		"sign_in header, no from":   {header("role member"), "3", "write for example: from 10.0.0.5"},
		"sign_in header twice":      {inAdmin("sign_in header A {\n\tfrom 10.0.0.5\n}\nsign_in header B {\n\tfrom 10.0.0.5\n}"), "6", "sign_in header stands here twice"},
		"header Authorization":      {inAdmin("sign_in header authorization {\n\tfrom 10.0.0.5\n}"), "3", `"authorization" can't be the header that says who somebody is`},
		"header with underscore":    {inAdmin("sign_in header Remote_User {\n\tfrom 10.0.0.5\n}"), "3", `"Remote_User" can't be the header`},
		"from, nothing":             {header("from"), "4", "from takes the addresses of the proxy"},
		"from, a name":              {header("from proxy"), "4", `"proxy" is not an address or a network`},
		"from everybody":            {header("from 10.0.0.5 0.0.0.0/0"), "4", "0.0.0.0/0 is everybody"},
		"from everybody, IPv6":      {header("from ::/0"), "4", "::/0 is everybody"},
		"from everybody, mapped":    {header("from ::ffff:0.0.0.0/96"), "4", "is not an address or a network"},
		"from twice":                {header("from 10.0.0.5\nfrom 10.0.0.6"), "5", "from stands here twice, first in line 4"},
		"role, nothing":             {header("from 10.0.0.5\nrole"), "5", "role takes the name of a role"},
		"role, two":                 {header("from 10.0.0.5\nrole member owner"), "5", "nothing else"},
		"header, unknown word":      {header("trust all"), "4", `unknown word "trust"; sign_in header takes from and role`},
		"sign_in oidc, no provider": {inAdmin("sign_in oidc {\n\tclient_id x\n}"), "3", "or oidc, the address of a provider and a block"},
		"sign_in oidc, no block":    {inAdmin("sign_in oidc https://id.example.com"), "3", "write for example: client_id tokenreeve"},
		"sign_in oidc, no secret":   {oidc("client_id tokenreeve"), "3", "write for example: client_secret {env.OIDC_SECRET}"},
		"sign_in oidc without TLS":  {inAdmin("sign_in oidc http://id.example.com {\n\tclient_id x\n}"), "3", "has to be reached over https"},
		"sign_in oidc, no address":  {inAdmin("sign_in oidc id.example.com {\n\tclient_id x\n}"), "3", "write it as the provider does, such as https://id.example.com"},
		"sign_in oidc twice":        {oidc("client_id x\nclient_secret {env.X}\n}\nsign_in oidc https://b.example.com {"), "7", "sign_in oidc stands here twice"},
		"client_id, nothing":        {oidc("client_id"), "4", "client_id takes what the provider calls this gateway"},
		"client_id twice":           {oidc("client_id a\nclient_id b"), "5", "client_id stands here twice, first in line 4"},
		"client_secret as text":     {oidc("client_id a\nclient_secret s3cret"), "5", "write {env.OIDC_SECRET} or {file./run/secrets/oidc}"},
		"client_secret, two words":  {oidc("client_secret file /run/secrets/oidc"), "4", "client_secret takes a placeholder such as {env.OIDC_SECRET} and nothing else"},
		"name_claim, no claim":      {oidc("client_id a\nclient_secret {env.X}\nname_claim `a b`"), "6", "is not the name of a claim"},
		"oidc, unknown word":        {oidc("scopes groups"), "4", `unknown word "scopes"; sign_in oidc takes client_id, client_secret, name_claim and role`},
		"host, nothing":             {inAdmin("host"), "3", "host takes one name or more"},
		"host with a scheme":        {inAdmin("host https://tokens.example.com"), "3", "write it without scheme, port and path"},
		"host with a port":          {inAdmin("host tokens.example.com:8443"), "3", "write it without scheme, port and path"},
		"host, any":                 {inAdmin("host *"), "3", `"*" is not a name of a host`},
		"host twice":                {inAdmin("host a\nhost b"), "4", "host stands here twice, first in line 3"},
		"audit_retention, nothing":  {inAdmin("audit_retention"), "3", "audit_retention takes a duration such as 400d, or forever"},
		"audit_retention, no unit":  {inAdmin("audit_retention 400"), "3", `"400" is not a duration`},
		"audit_retention too short": {inAdmin("audit_retention 1h"), "3", "audit_retention is 1h0m0s; it must be from 24h0m0s"},
		"audit_retention 0":         {inAdmin("audit_retention 0s"), "3", "audit_retention is 0s"},
		"audit_retention twice":     {inAdmin("audit_retention 30d\naudit_retention 30d"), "4", "audit_retention stands here twice"},
		"its API is reserved":       {":80 {\n\tapi_tokens tokenreeve\n}\n", "2", "the name tokenreeve is that of the management API"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := adapt(test.caddyfile)
			if err == nil {
				t.Fatalf("no error; it became %s", config)
			}
			if !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("it says %q; want %q in it", err, test.says)
			}
			place := regexp.MustCompile(`Caddyfile:(\d+)`).FindStringSubmatch(err.Error())
			if place == nil || place[1] != test.line {
				t.Errorf("it says %q; want Caddyfile:%s in it", err, test.line)
			}
		})
	}
}
