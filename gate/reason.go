package gate

import "net/http"

// Reason says how a decision came about: Allow, Preflight, or why a request is
// refused. It is a closed list; metrics, log lines and answers go by it.
type Reason string

// The ways of letting a request through.
const (
	// Allow: a token may do what the request does.
	Allow Reason = "allowed"
	// Preflight: a CORS preflight, which carries no credentials by definition.
	Preflight Reason = "preflight"
	// PasswordPassed: a password that the backend checks, which the gate was told to let through.
	PasswordPassed Reason = "password_passed"
)

// The ways of refusing one.
const (
	NoCredential         Reason = "no_credential"
	MalformedCredential  Reason = "malformed_credential" // can't be a secret
	AmbiguousCredential  Reason = "ambiguous_credential" // several where one may stand, or in several sources
	TooManyCredentials   Reason = "too_many_credentials"
	OverlappingTokens    Reason = "overlapping_tokens" // two for the same, where there may be one
	UnknownToken         Reason = "unknown_token"
	DisabledToken        Reason = "disabled_token"
	ExpiredToken         Reason = "expired_token"
	OtherAPI             Reason = "other_api"             // the token belongs to another API
	UnreadableToken      Reason = "unreadable_token"      // its record can't be understood
	AmbiguousRequest     Reason = "ambiguous_request"     // can be read in more than one way
	RefusedMethod        Reason = "refused_method"        // never forwarded for anyone
	MethodOverride       Reason = "method_override"       // asks for another method than its own
	TooLarge             Reason = "too_large"             // the body is longer than the gate reads
	UnknownDocument      Reason = "unknown_document"      // the hash of a GraphQL document that was not seen yet
	RefusedIntrospection Reason = "refused_introspection" // of a GraphQL schema, for anyone
	MissingPermission    Reason = "missing_permission"
	StoreUnavailable     Reason = "store_unavailable" // and the token is not known
	Failure              Reason = "failure"           // the look-up failed in another way
)

// Reasons returns the whole list.
func Reasons() []Reason {
	return []Reason{
		Allow, Preflight, PasswordPassed,
		NoCredential, MalformedCredential, AmbiguousCredential, TooManyCredentials, OverlappingTokens,
		UnknownToken, DisabledToken, ExpiredToken, OtherAPI, UnreadableToken,
		AmbiguousRequest, RefusedMethod, MethodOverride,
		TooLarge, UnknownDocument, RefusedIntrospection, MissingPermission, StoreUnavailable, Failure,
	}
}

// Allows reports whether the request goes on.
func (r Reason) Allows() bool { return r == Allow || r == Preflight || r == PasswordPassed }

// inUse reports whether a token is in use that this was decided for: one that is
// disabled or expired is not, however often it is tried.
func (r Reason) inUse() bool { return r == Allow || r == MissingPermission }

// Status returns the HTTP status of a refusal. A technical failure is 503, which
// clients try again, never a 401, for which they would throw good tokens away.
func (r Reason) Status() int {
	switch r {
	case AmbiguousCredential, TooManyCredentials, OverlappingTokens, AmbiguousRequest, UnknownDocument:
		return http.StatusBadRequest
	case RefusedMethod, MethodOverride, RefusedIntrospection, MissingPermission:
		return http.StatusForbidden
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case StoreUnavailable, Failure:
		return http.StatusServiceUnavailable
	case Allow, Preflight, PasswordPassed:
		return http.StatusOK
	case NoCredential, MalformedCredential, UnknownToken, DisabledToken, ExpiredToken, OtherAPI, UnreadableToken:
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}
