package ui

import (
	"errors"
	"slices"
	"strings"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/ui/texts"
	"github.com/tokenreeve/tokenreeve/gate"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/permission/graphql"
	"github.com/tokenreeve/tokenreeve/token"
)

// verdict is the decision about one operation, and why.
type verdict struct {
	Allowed     bool
	Operation   string
	Because     string
	Matched     []string // operations of the catalog that it is
	Permissions []string // that have it
	Missing     string   // what to grant; empty if that is not what it takes
	Page        bool     // for a path of GraphQL, without a document
}

func (u *ui) tryRequest(c *call, t *token.Token, asked gate.Asked) ([]verdict, error) {
	if asked.Target == "" {
		return nil, admin.FieldErrors{{Field: "path", Problem: texts.Get("try.no-path")}}
	}
	if len(asked.Method) > longestMethod {
		return nil, admin.FieldErrors{{Field: "method", Problem: texts.Get("try.long-method", longestMethod)}}
	}
	return u.judge(c, t, asked)
}

// mostFields is how many root fields are judged at once: each is a decision of its
// own, and a document of a few kilobytes can have thousands.
const mostFields = 50

// longestMethod is that of all methods there are, and then some.
const longestMethod = 32

// tryDocument judges each root field of a GraphQL document, as gates do.
func (u *ui) tryDocument(c *call, t *token.Token, document string) ([]verdict, error) {
	fields, err := rootFields(document)
	if err != nil {
		return nil, admin.FieldErrors{{Field: "document", Problem: err.Error()}}
	}
	if len(fields) > mostFields {
		return nil, admin.FieldErrors{{Field: "document", Problem: texts.Get("try.many-fields", len(fields), mostFields)}}
	}
	var verdicts []verdict
	for _, field := range fields {
		judged, err := u.judge(c, t, gate.Asked{Method: string(field.Kind), Target: field.Name})
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, judged...)
	}
	return verdicts, nil
}

// rootFields reads a document, or a JSON body with one, as gates do by default.
func rootFields(document string) ([]graphql.Field, error) {
	if document == "" {
		return nil, errors.New(texts.Get("try.no-document"))
	}
	reader, err := graphql.New(graphql.DefaultLimits)
	if err != nil {
		return nil, err
	}
	read := reader.ReadDocument
	if isJSON(document) {
		read = reader.ReadJSON
	}
	request, err := read([]byte(document))
	if err != nil {
		return nil, err
	}
	// __typename reads nothing beside other fields of its kind.
	others := slices.DeleteFunc(slices.Clone(request.Fields), func(f graphql.Field) bool { return f.Name == "__typename" })
	var fields []graphql.Field
	seen := map[graphql.Field]bool{}
	for _, f := range request.Fields {
		if !seen[f] {
			seen[f], fields = true, append(fields, f)
		}
	}
	return slices.DeleteFunc(fields, func(f graphql.Field) bool {
		return f.Name == "__typename" && slices.ContainsFunc(others, func(other graphql.Field) bool { return other.Kind == f.Kind })
	}), nil
}

// isJSON tells a JSON body from a document: both may begin with a brace.
func isJSON(text string) bool {
	text = strings.TrimSpace(text)
	inner, object := strings.CutPrefix(text, "{")
	return strings.HasPrefix(text, "[") || object && strings.HasPrefix(strings.TrimSpace(inner), `"`)
}

// judge returns the verdict about a request; of a bulk request, those about the ones in it,
// and those about root fields, if there are several.
func (u *ui) judge(c *call, t *token.Token, asked gate.Asked) ([]verdict, error) {
	e, err := u.Service.Explain(c.r.Context(), c.actor, t.ID, asked)
	if err != nil {
		return nil, err
	}
	permissions, err := u.permissionsOf(c, t.API)
	if err != nil {
		return nil, err
	}
	parts := e.Parts
	if parts == nil {
		parts = []admin.Explanation{e}
	}
	verdicts := make([]verdict, len(parts))
	for i := range parts {
		verdicts[i] = newVerdict(t, &parts[i])
		if _, values := permission.CutFixes(verdicts[i].Missing); values == nil && isHeld(t, permissions, verdicts[i].Missing) {
			verdicts[i].Missing = "" // a link would grant it for all values
		}
	}
	return verdicts, nil
}

func newVerdict(t *token.Token, e *admin.Explanation) verdict {
	v := verdict{
		Allowed: e.Reason.Allows(), Operation: e.Operation, Because: because(t, e), Matched: e.Operations, Permissions: e.Permissions,
		Page: e.Page,
	}
	if e.Reason == gate.MissingPermission && t.Type == token.Custom {
		v.Missing = missingGrant(e)
	}
	return v
}

// missingGrant is what to grant; empty if that is not known.
func missingGrant(e *admin.Explanation) string {
	switch {
	case e.Almost != "":
		return ""
	case len(e.Lacks) == 0:
		return e.Operation
	}
	return e.Lacks[0]
}

// because says in words why a request is decided on as it is.
func because(t *token.Token, e *admin.Explanation) string {
	switch {
	case t.Draft == token.DraftCreate:
		return texts.Get("try.drafted")
	case e.Reason == gate.DisabledToken:
		return texts.Get("try.disabled")
	case e.Reason == gate.ExpiredToken:
		return texts.Get("try.expired", t.Expiry.UTC().Format("2 Jan 2006, 15:04 UTC"))
	case e.Reason == gate.MissingPermission:
		return missing(t, e)
	case e.Err != nil:
		return sentence(e.Err.Error()) + opening(e.Err)
	case e.Reason == gate.RefusedMethod:
		return texts.Get("try.refused-method")
	case e.Reason == gate.RefusedIntrospection:
		return texts.Get("try.no-schema")
	case !e.Reason.Allows():
		return string(e.Reason)
	case t.Type == token.Custom && len(e.Grants) == 0:
		return texts.Get("try.free")
	case t.Type == token.Custom:
		return texts.Get("try.granted", strings.Join(e.Grants, ", "))
	case t.Type == token.ReadOnly:
		return texts.Get("try.reads", e.Operation)
	default:
		return texts.Get("try.full-access")
	}
}

func missing(t *token.Token, e *admin.Explanation) string {
	switch {
	case t.Type == token.ReadOnly:
		return texts.Get("try.writes", e.Operation)
	case e.Almost != "":
		return texts.Get("try.almost", e.Operation, e.Almost)
	case len(e.Lacks) == 0:
		return texts.Get("try.no-permission", e.Operation)
	case len(e.Lacks) == 1:
		return texts.Get("try.missing", e.Lacks[0])
	default:
		return texts.Get("try.missing-any", strings.Join(e.Lacks, ", "))
	}
}

// opening says what a gate can do about a path that is refused.
func opening(err error) string {
	path, ok := errors.AsType[*permission.PathError](err)
	if !ok || path.Opening == "" {
		return ""
	}
	return " " + texts.Get("try.opening", string(path.Opening))
}
