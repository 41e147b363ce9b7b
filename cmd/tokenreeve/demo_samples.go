package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/permission"
	"github.com/tokenreeve/tokenreeve/store"
	"github.com/tokenreeve/tokenreeve/token"
)

// identityOf is how people of the demo sign in: they have no passwords.
func identityOf(name string) admin.ExternalIdentity {
	return admin.ExternalIdentity{Subject: "demo:" + name, Name: name, Method: "demo"}
}

// history makes the past of the demo in a store: what people did there over
// months, as the service would have kept it, and what their tokens were used for.
type history struct {
	store  store.Store
	now    time.Time
	known  []store.Catalog
	tokens map[string]sampleToken // by name
}

// newHistory returns a history that knows what demoCaddyfile has: it is written
// before the gateway runs, which would ask for a first account, and remove the
// sessions of then.
func newHistory(tokens store.Store) (*history, error) {
	permissions, err := permission.ForResource("article", "/api/articles", false)
	if err != nil {
		return nil, err
	}
	search, err := permission.ParseOperation("POST /api/search")
	if err != nil {
		return nil, err
	}
	permissions = append(permissions, permission.Permission{Name: "search.run", Mark: permission.Read, Operations: []permission.Operation{search}})
	return &history{
		store: tokens, now: time.Now(), tokens: map[string]sampleToken{},
		known: []store.Catalog{{API: "articles", Permissions: permissions}, {API: admin.ManagementAPI}},
	}, nil
}

// sampleToken is a token with the use that it gets.
type sampleToken struct {
	admin.NewToken
	by      string
	made    int                   // days ago
	used    [2]int                // from and to so many days ago
	does    []token.PermissionUse // on a usual day
	lacks   token.PermissionUse   // now and then
	address string

	id     string
	secret token.Digest
}

var samplePeople = []admin.NewAccount{
	{Name: "demo", Role: admin.RoleOwner},
	{Name: "ann", Role: admin.RoleManager},
	{Name: "ben", Role: admin.RoleMember},
	{Name: "ivy", Role: admin.RoleAuditor},
}

// sampleAddresses are those that people sign in from; nobody has them.
var sampleAddresses = map[string]string{"demo": "127.0.0.1", "ann": "192.0.2.17", "ben": "198.51.100.4", "ivy": "203.0.113.80"}

var sampleTokens = []sampleToken{
	{
		NewToken: admin.NewToken{Name: "Prototype", Description: "First try of the mobile app", Type: token.FullAccess, Duration: "unlimited"},
		by:       "ben", made: 160, used: [2]int{155, 121}, address: "198.51.100.4",
		does: []token.PermissionUse{{Permission: "article.find", Allowed: 40}, {Permission: "article.create", Allowed: 20}},
	},
	{
		NewToken: admin.NewToken{Name: "Web site", Description: "The front page shows the newest articles", Type: token.ReadOnly, Duration: "unlimited"},
		by:       "ann", made: 120, used: [2]int{118, 0}, address: "192.0.2.30",
		does: []token.PermissionUse{{Permission: "article.find", Allowed: 700}, {Permission: "article.find_one", Allowed: 200}},
	},
	{
		NewToken: admin.NewToken{
			Name: "Nightly import", Description: "Copies articles from the editors' system", Type: token.Custom, Duration: "90d",
			Grants: []string{"article.find", "article.create", "article.update", "POST /api/reports"},
		},
		by: "ben", made: 64, used: [2]int{63, 0}, address: "198.51.100.9",
		does:  []token.PermissionUse{{Permission: "article.find", Allowed: 110}, {Permission: "article.create", Allowed: 30}},
		lacks: token.PermissionUse{Permission: "article.delete", Refused: 9},
	},
	{
		NewToken: admin.NewToken{Name: "Blue Harbour", Description: "Partner; ask ivy before it is extended", Type: token.ReadOnly, Duration: "60d"},
		by:       "ann", made: 55, used: [2]int{54, 1}, address: "203.0.113.5",
		does:  []token.PermissionUse{{Permission: "article.find", Allowed: 180}, {Permission: "article.find_one", Allowed: 40}},
		lacks: token.PermissionUse{Permission: "article.update", Refused: 12},
	},
	{
		NewToken: admin.NewToken{Name: "Load test", Type: token.FullAccess, Duration: "unlimited"},
		by:       "ann", made: 47, used: [2]int{46, 44}, address: "192.0.2.44",
		does: []token.PermissionUse{{Permission: "article.find", Allowed: 40_000}, {Permission: "article.create", Allowed: 8_000}},
	},
	{
		NewToken: admin.NewToken{Name: "Intern", Type: token.Custom, Duration: "30d", Grants: []string{"article.find", "article.find_one", "search.run"}},
		by:       "ann", made: 34, used: [2]int{33, 6}, address: "192.0.2.51",
		does:  []token.PermissionUse{{Permission: "article.find", Allowed: 18}, {Permission: "article.find_one", Allowed: 7}},
		lacks: token.PermissionUse{Permission: "article.update", Refused: 6},
	},
	{
		NewToken: admin.NewToken{Name: "Mobile app", Description: "Version 2, for both stores", Type: token.Custom, Duration: "unlimited", Grants: []string{"article.find", "article.find_one", "search.run"}},
		by:       "ben", made: 26, used: [2]int{25, 0}, address: "198.51.100.77",
		does:  []token.PermissionUse{{Permission: "article.find", Allowed: 260}, {Permission: "article.find_one", Allowed: 120}, {Permission: "search.run", Allowed: 20}},
		lacks: token.PermissionUse{Permission: "article.create", Refused: 31},
	},
	{
		NewToken: admin.NewToken{API: admin.ManagementAPI, Name: "Deployment", Description: "Makes a token for each preview", Type: token.Custom, Duration: "365d", Grants: []string{"token.create", "token.delete"}},
		by:       "ann", made: 12, used: [2]int{11, 1}, address: "192.0.2.60",
		does: []token.PermissionUse{{Permission: "token.create", Allowed: 7}, {Permission: "token.delete", Allowed: 7}},
	},
}

// write makes all of it, the oldest first: so it stands in the audit trail.
func (h *history) write(ctx context.Context) error {
	type step struct {
		by  string
		ago int // days
		do  func(s *admin.Service, who admin.Actor) error
	}
	steps := []step{
		{"ann", 43, func(s *admin.Service, ann admin.Actor) error {
			_, err := s.SetEnabled(ctx, ann, h.tokens["Load test"].id, 0, false)
			return err
		}},
		{"ben", 20, func(s *admin.Service, ben admin.Actor) error {
			grants := []string{"article.find", "article.create", "article.update"}
			_, err := s.Update(ctx, ben, h.tokens["Nightly import"].id, admin.Edit{Grants: &grants})
			return err
		}},
	}
	for _, t := range sampleTokens {
		steps = append(steps, step{t.by, t.made, func(s *admin.Service, who admin.Actor) error { return h.addToken(ctx, s, who, t) }})
	}
	if err := h.addPeople(ctx); err != nil {
		return err
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(b.ago, a.ago) })
	for _, s := range steps {
		if err := h.as(ctx, s.by, s.ago, s.do); err != nil {
			return fmt.Errorf("sample of the demo: %w", err)
		}
	}
	return h.store.RecordUse(ctx, h.uses())
}

// at returns a service for which it is some days ago, at another hour each day.
func (h *history) at(ago int) *admin.Service {
	then := h.now.AddDate(0, 0, -ago).Add(-time.Duration(ago*37%400) * time.Minute)
	return admin.New(h.store, func() time.Time { return then }, rand.Reader, h.known...)
}

// as does something as somebody who signed in some days ago.
func (h *history) as(ctx context.Context, name string, ago int, do func(*admin.Service, admin.Actor) error) error {
	service := h.at(ago)
	in, err := service.SignInExternal(ctx, identityOf(name), "", admin.From{Address: sampleAddresses[name]})
	if err != nil {
		return err
	}
	actor, err := service.SessionActor(ctx, in.Secret.Reveal(), sampleAddresses[name])
	if err != nil {
		return err
	}
	return do(service, actor)
}

func (h *history) addPeople(ctx context.Context) error {
	service := h.at(170)
	for _, who := range samplePeople {
		who.Subject = identityOf(who.Name).Subject
		if _, _, err := service.CreateAccount(ctx, admin.Operator("demo"), who); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) addToken(ctx context.Context, s *admin.Service, who admin.Actor, t sampleToken) error {
	t.Owner = t.by
	if t.API == "" {
		t.API = "articles"
	}
	made, secret, err := s.Create(ctx, who, t.NewToken)
	t.id, t.secret = made.ID, secret.Digest()
	h.tokens[t.Name] = t
	return err
}

// uses are the days on which the tokens were used: less on weekends, and no two
// days alike.
func (h *history) uses() (uses []token.Use) {
	for _, t := range h.tokens {
		for ago := t.used[0]; ago >= t.used[1]; ago-- {
			at := h.now.AddDate(0, 0, -ago).Add(-time.Duration(ago%50+3) * time.Minute)
			use := token.Use{TokenID: t.id, Secret: t.secret, Day: at.UTC().Truncate(24 * time.Hour), Last: at, Address: t.address}
			for _, does := range t.does {
				does.Allowed = does.Allowed * uint64(8+(ago*7+len(t.Name))%9) / 12
				if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
					does.Allowed /= 3
				}
				use.Allowed += does.Allowed
				use.Permissions = append(use.Permissions, does)
			}
			if (ago+len(t.Name))%4 == 0 && t.lacks.Refused > 0 {
				use.Refused = t.lacks.Refused
				use.Permissions = append(use.Permissions, t.lacks)
			}
			uses = append(uses, use)
		}
	}
	return uses
}
