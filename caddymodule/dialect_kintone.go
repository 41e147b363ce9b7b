package caddymodule

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
)

// passwordPass is the word that lets requests with a password through.
const passwordPass = "pass"

// kintoneBody is how long bodies are by default: its client adds 2000 records at once.
const kintoneBody = 16 << 20

var errPassword = errors.New("password can only be pass, and stands in the block of dialect kintone")

func kintonePermissions() []permission.Permission {
	permissions, err := permission.ForKintone()
	if err != nil {
		panic(err) // they are part of the program
	}
	return permissions
}

// bringKintone brings what kintone's clients need of its routes, and the header in
// which it takes a password.
func bringKintone(h *Handler) error {
	for _, path := range permission.KintoneGets() {
		h.Openings = append(h.Openings, permission.Opening{Kind: permission.PostAsGet, Path: path})
	}
	h.oneTokenFor = "app"
	h.MaxBody = cmp.Or(h.MaxBody, kintoneBody)
	h.password = &gate.Password{Header: "X-Cybozu-Authorization", Pass: h.Password == passwordPass}
	hidden, err := gate.NewSources([]gate.Source{{Place: gate.Header, Name: h.password.Header}}, 1)
	if err == nil {
		redactSources(hidden)
	}
	return err
}

// kintoneError is how kintone answers; its npm client makes an error class of it by
// the code, and fails on anything that is not JSON.
type kintoneError struct {
	Code    string `json:"code"`
	ID      string `json:"id"`
	Message string `json:"message"`
}

// kintoneBulkError is how it answers a bulk request: with the error at the index of the
// request that it is of, and nothing for the others. Its npm client tells the index.
type kintoneBulkError struct {
	Results []any `json:"results"`
}

// The codes of kintone that clients tell apart.
const (
	kintoneLogin      = "CB_AU01"
	kintoneBadToken   = "GAIA_IA02"
	kintoneForbidden  = "GAIA_NO01"
	kintoneSameApp    = "GAIA_DA03"
	kintoneBadRequest = "CB_VA01"
	kintoneFailure    = "CB_SE01"
)

func answerKintone(_ *Handler, _ *http.Request, d *gate.Decision, p *problem) (int, any) {
	answer := kintoneError{ID: p.id, Message: p.Detail}
	status := p.Status
	switch d.Reason {
	case gate.NoCredential:
		answer.Code, answer.Message = kintoneLogin, "Please login."
	case gate.MalformedCredential, gate.UnknownToken, gate.DisabledToken, gate.ExpiredToken, gate.OtherAPI,
		gate.UnreadableToken, gate.AmbiguousCredential, gate.TooManyCredentials:
		status, answer.Code = http.StatusBadRequest, kintoneBadToken
	case gate.OverlappingTokens:
		answer.Code, answer.Message = kintoneSameApp, "The request holds two API tokens for the same app. Send one."
	case gate.MissingPermission, gate.MethodOverride, gate.RefusedMethod, gate.RefusedIntrospection:
		answer.Code = kintoneForbidden
	case gate.AmbiguousRequest, gate.TooLarge, gate.UnknownDocument:
		answer.Code = kintoneBadRequest
	case gate.StoreUnavailable, gate.Failure, gate.Allow, gate.Preflight, gate.PasswordPassed:
		answer.Code = kintoneFailure
	}
	if d.Bulk > 0 {
		results := slices.Repeat([]any{struct{}{}}, d.Bulk)
		results[d.Part] = answer
		return status, kintoneBulkError{results}
	}
	return status, answer
}
