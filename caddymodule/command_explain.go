package caddymodule

import (
	"errors"
	"fmt"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/token"
)

// exitRefused is the exit code of explain for a request that would be refused.
// Caddy itself uses 1 to 3.
const exitRefused = 4

func explainCommand(o *options) *cobra.Command {
	const form = "<token> <method> <path>"
	cmd := &cobra.Command{
		Use:   "explain " + form,
		Short: "Says whether a token may make a request, and why",
		Long: `Says whether a token may make a request, and why: which grant allows it, or
which permission is missing. Ends with code 0 if the request is allowed, and 4
if it is refused. A whole address will do for the path.`,
		Example: `  caddy api-tokens explain ci GET /api/articles/42
  caddy api-tokens explain ci POST /k/v1/record.json --json-body '{"app": 7}'
  caddy api-tokens explain ci POST /graphql --json-body '{"query": "{ articles { id } }"}'
  caddy api-tokens explain ci query articles`,
		Args: exactly(3, form),
	}
	var body string
	cmd.Flags().StringVar(&body, "json-body", "", "body of the request, if permissions of the API go by what is in it, or the path is one of GraphQL")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		allowed := false
		err := o.run(func(s *session, args []string) (err error) {
			allowed, err = s.explain(args, body)
			return err
		})(cmd, args)
		if err != nil || allowed {
			return err
		}
		cmd.SilenceErrors = true // a refusal is an answer, which was printed
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitRefused, nil })(cmd, args)
	}
	o.tokenFlag(cmd)
	return cmd
}

func (s *session) explain(args []string, body string) (allowed bool, err error) {
	t, err := s.find(args[0])
	if err != nil {
		return false, err
	}
	e, err := s.service.Explain(s.cmd.Context(), s.actor, t.ID, gate.Asked{Method: args[1], Target: admin.TargetOf(args[2]), JSON: body})
	if err != nil {
		return false, err
	}
	allowed = e.Reason.Allows()
	if s.json {
		return allowed, s.printJSON(e.Record())
	}
	_, err = fmt.Fprint(s.out, verdict(&t, &e))
	for i := range e.Parts {
		part := &e.Parts[i]
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%d. %s: %s", i+1, printable(part.Operation), verdict(&t, part))
		}
	}
	return allowed, err
}

// verdict is the decision in words, and what the request is in the catalog.
func verdict(t *token.Token, e *admin.Explanation) string {
	text := "refused: "
	if e.Reason.Allows() {
		text = "allowed: "
	}
	text += escapeControl(because(t, e)) + "\n"
	if e.Page {
		text += "note: " + admin.PageProblem + "\n"
	}
	if len(e.Operations) > 0 {
		text += fmt.Sprintf("matched: %s (%s)\n", printable(strings.Join(e.Operations, ", ")), strings.Join(e.Permissions, ", "))
	}
	return text
}

// because says in words why a request is decided on as it is.
func because(t *token.Token, e *admin.Explanation) string {
	e = deciding(e)
	switch {
	case t.Draft == token.DraftCreate:
		return "the token is a draft, and refused as unknown until its API is updated"
	case e.Reason == gate.DisabledToken:
		return "the token is disabled"
	case e.Reason == gate.ExpiredToken:
		return "the token expired at " + moment(t.Expiry)
	case e.Reason == gate.MissingPermission:
		return missing(t, e)
	case e.Err != nil:
		return e.Err.Error() + opening(e.Err)
	case e.Reason == gate.RefusedMethod:
		return "requests of this method are never forwarded, for anyone"
	case e.Reason == gate.RefusedIntrospection:
		return "nobody may ask for the schema (introspection deny)"
	case !e.Reason.Allows():
		return string(e.Reason)
	default:
		return allowing(t, e)
	}
}

// deciding returns the first root field that is refused, if one is, in the place of a
// request for a path of GraphQL: that is no operation that a token could lack.
func deciding(e *admin.Explanation) *admin.Explanation {
	for i := range e.Parts {
		if part := &e.Parts[i]; permission.IsKind(part.Match.Method) && !part.Reason.Allows() {
			return part
		}
	}
	return e
}

// allowing says in words why a request is allowed.
func allowing(t *token.Token, e *admin.Explanation) string {
	switch {
	case len(e.Parts) > 0 && permission.IsKind(e.Parts[0].Match.Method):
		return "each of its root fields is"
	case len(e.Parts) > 0:
		return "each of its requests is"
	case t.Type == token.Custom && len(e.Grants) == 0:
		return "every token may"
	case t.Type == token.Custom:
		return "granted by " + strings.Join(e.Grants, ", ")
	case t.Type == token.ReadOnly:
		return e.Operation + " reads, which a read-only token may"
	default:
		return "a full-access token may do everything"
	}
}

// opening says what a gate can do about a path that is refused. Whether one does
// is not known here: the store has the permissions of an API and not its openings.
func opening(err error) string {
	var path *permission.PathError
	if !errors.As(err, &path) || path.Opening == "" {
		return ""
	}
	return fmt.Sprintf("; where a gate opens %s, the token needs to be allowed every reading of it", path.Opening)
}

func missing(t *token.Token, e *admin.Explanation) string {
	switch {
	case t.Type == token.ReadOnly:
		return e.Operation + " counts as writing, by its method or by a mark, and the token is read-only"
	case e.Almost != "":
		return "no permission has " + e.Operation + " as it is; " + e.Almost + " (behind the path, or in --json-body)"
	case len(e.Lacks) == 0:
		return "no permission has " + e.Operation + "; grant the operation itself, or make the token full-access"
	default:
		return lacking(e.Lacks)
	}
}

// lacking says which permissions are missing of which one is needed, and for what.
func lacking(grants []string) string {
	var names, values []string
	for _, grant := range grants {
		name, fixes := permission.CutFixes(grant)
		names = append(names, name)
		values = fixes
	}
	text := "the permission " + strings.Join(names, " or ") + " is missing"
	if len(values) > 0 {
		text += " for " + strings.Join(values, " and ")
	}
	return text
}
