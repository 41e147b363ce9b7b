package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokenreeve/tokenreeve/token"
)

// StrapiToken is a token as Strapi keeps it.
type StrapiToken struct {
	Name, Description, Type string

	Hash    string    // HMAC-SHA512 in hexadecimal digits
	Expiry  time.Time // zero is unlimited
	Unread  string    // what stands in place of an expiry and is none
	Actions []string  // of a custom token, such as api::article.article.findOne
}

// StrapiPlan says how Strapi's tokens are taken over.
type StrapiPlan struct {
	API   string
	Owner string
	// Resources are those of the catalog by Strapi's uids, such as article for
	// api::blog.article. Without one, api::article.article is article.
	Resources map[string]string
}

// Unmapped is what of a Strapi token has no counterpart here.
type Unmapped struct {
	Name    string `json:"name"`    // of the token
	Problem string `json:"problem"` // what is lost, and what to do about it
}

// FromStrapi returns the tokens as TakeOver takes them, and what is lost. A right
// that the catalog has no permission for is left out, and with its last right a
// custom token: nobody gets more than they had.
func (s *Service) FromStrapi(ctx context.Context, plan StrapiPlan, tokens []StrapiToken) ([]Foreign, []Unmapped, error) {
	c, err := s.catalog(ctx, s.store, plan.API)
	if err != nil {
		return nil, nil, err
	}
	known := map[string]bool{}
	for _, p := range c.Permissions {
		known[p.Name] = true
	}
	var list []Foreign
	var lost []Unmapped
	for _, t := range tokens {
		f := Foreign{
			NewToken: NewToken{
				API: plan.API, Name: strings.TrimSpace(t.Name), Description: token.Shown(t.Description), Type: token.Type(t.Type),
				Duration: "unlimited", Owner: plan.Owner,
			},
			Where: fmt.Sprintf("token %q", t.Name), Expiry: t.Expiry, Unread: t.Unread, Hash: t.Hash, Scheme: token.HMACSHA512,
		}
		lose := func(format string, args ...any) {
			lost = append(lost, Unmapped{t.Name, fmt.Sprintf(format, args...)})
		}
		if f.Description != strings.TrimSpace(t.Description) {
			lose("blanks stand in its description for tabs and the like, and characters that don't show were left out")
		}
		if utf8.RuneCountInString(f.Description) > token.MaxDescription {
			f.Description = strings.TrimSpace(string([]rune(f.Description)[:token.MaxDescription]))
			lose("its description was cut to %d characters", token.MaxDescription)
		}
		if f.Type == token.Custom {
			for _, action := range t.Actions {
				if grant := plan.grant(action, known); grant == "" {
					lose("the catalog of API %s has no permission for %s", plan.API, action)
				} else if !slices.Contains(f.Grants, grant) {
					f.Grants = append(f.Grants, grant)
				}
			}
			if len(f.Grants) == 0 {
				lose("it is left out, since nothing of what it may do is left")
				continue
			}
		}
		list = append(list, f)
	}
	return list, lost, nil
}

// grant returns the permission of the catalog for an action, or nothing: one of
// that very name, in Strapi's spelling or ours, or that of its resource.
func (p *StrapiPlan) grant(action string, known map[string]bool) string {
	dot := strings.LastIndexByte(action, '.')
	if dot < 0 {
		return ""
	}
	uid, verb := action[:dot], snake(action[dot+1:])
	names := []string{action, uid + "." + verb}
	if resource := p.resource(uid); resource != "" {
		names = append(names, resource+"."+verb)
	}
	for _, name := range names {
		if known[name] {
			return name
		}
	}
	return ""
}

// resource returns what a content type is called here. Strapi allows several of
// one name in different APIs and plugins, so only the usual uid speaks for itself.
func (p *StrapiPlan) resource(uid string) string {
	if name, ok := p.Resources[uid]; ok {
		return name
	}
	api, name, ok := strings.Cut(strings.TrimPrefix(uid, "api::"), ".")
	if !ok || !strings.HasPrefix(uid, "api::") || api != name {
		return ""
	}
	return name
}

// snake turns findOne into find_one.
func snake(s string) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsUpper(c) {
			b.WriteByte('_')
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}
