package caddymodule

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/tokenreeve/tokenreeve/admin/oidc"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// OIDCSignIn lets a provider of OpenID Connect say who somebody is.
type OIDCSignIn struct {
	// Issuer is the address of the provider, exactly as it writes it itself.
	Issuer string `json:"issuer"`
	// ClientID is what the provider calls this gateway.
	ClientID string `json:"client_id"`
	// ClientSecret is a placeholder, {env.NAME} or {file.PATH}, for the secret that
	// the provider and this gateway share. It is filled in when the configuration is
	// loaded. The secret itself would be shown by Caddy's admin endpoint.
	ClientSecret string `json:"client_secret"`
	// NameClaim is what names an account that is made on first use, or waits for it.
	// email counts only if the provider has verified it. Default: preferred_username.
	NameClaim string `json:"name_claim,omitempty"`
	// Role is for accounts that are made on first use. Without one only those sign
	// in who have an account.
	Role string `json:"role,omitempty"`

	client *oidc.Client
	limit  func(address string) (wait time.Duration)
}

const defaultNameClaim = "preferred_username"

var (
	secretPlaceholder = regexp.MustCompile(`^\{(?:env|file)\.[^{}]+\}$`)
	claimName         = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,200}$`)

	// errSecretShown does not repeat what was written.
	errSecretShown = errors.New("client_secret is not a placeholder, and Caddy's admin endpoint would show the secret; " +
		"write {env.OIDC_SECRET} or {file./run/secrets/oidc}, which are filled in later ({$NAME} is filled in too early)")
	errNoClaim = errors.New("name_claim is not the name of a claim; write for example: name_claim preferred_username")
)

func (o *OIDCSignIn) check() error {
	if err := oidc.CheckIssuer(o.Issuer); err != nil {
		return fmt.Errorf("sign_in oidc: %w", err)
	}
	switch {
	case o.ClientID == "" || len(o.ClientID) > 255:
		return fmt.Errorf("sign_in oidc %s needs what the provider calls this gateway; write for example: client_id tokenreeve", o.Issuer)
	case o.ClientSecret == "":
		return fmt.Errorf("sign_in oidc %s needs the secret that the provider gave out for %s; write for example: client_secret {env.OIDC_SECRET}", o.Issuer, o.ClientID)
	case !secretPlaceholder.MatchString(o.ClientSecret):
		return errSecretShown
	case o.NameClaim != "" && !claimName.MatchString(o.NameClaim):
		return errNoClaim
	}
	return nil
}

// provision asks the provider nothing: a gateway starts without it.
func (o *OIDCSignIn) provision() error {
	if err := o.check(); err != nil {
		return err
	}
	secret, err := caddy.NewReplacer().ReplaceOrErr(o.ClientSecret, true, true)
	if secret = strings.TrimSpace(secret); err == nil && secret == "" { // files end with a newline
		err = fmt.Errorf("%s is empty", o.ClientSecret)
	}
	if err != nil {
		return fmt.Errorf("sign_in oidc: client_secret: %w", err)
	}
	if o.NameClaim == "" {
		o.NameClaim = defaultNameClaim
	}
	o.client = oidc.New(oidc.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: secret, NameClaim: o.NameClaim,
		Now: time.Now, Random: rand.Reader,
	})
	o.limit = rest.LimitByAddress(rest.Rate{PerSecond: 2, Burst: 60}, time.Now)
	return nil
}
