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
	return admin.ExternalIdentity{Subject: "demo:" + name, Name: name, Method: "header"}
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
	admin.Draft
	by      string
	made    int    // days ago
	used    [2]int // from and to so many days ago; none if both are 0
	allowed uint64 // on a usual day
	refused uint64 // now and then
	address string

	id     string
	secret token.Digest
}

var samplePeople = []admin.AccountDraft{
	{Name: "demo", Role: admin.RoleOwner},
	{Name: "ann", Role: admin.RoleManager},
	{Name: "ben", Role: admin.RoleMember},
	{Name: "ivy", Role: admin.RoleAuditor},
}

// sampleAddresses are those that people sign in from; nobody has them.
var sampleAddresses = map[string]string{"demo": "127.0.0.1", "ann": "192.0.2.17", "ben": "198.51.100.4", "ivy": "203.0.113.80"}

var sampleTokens = []sampleToken{
	{
		Draft: admin.Draft{Name: "Prototype", Description: "First try of the mobile app", Type: token.FullAccess, Duration: "unlimited"},
		by:    "ben", made: 160, used: [2]int{155, 121}, allowed: 60, refused: 0, address: "198.51.100.4",
	},
	{
		Draft: admin.Draft{Name: "Web site", Description: "The front page shows the newest articles", Type: token.ReadOnly, Duration: "unlimited"},
		by:    "ann", made: 120, used: [2]int{118, 0}, allowed: 900, refused: 0, address: "192.0.2.30",
	},
	{
		Draft: admin.Draft{
			Name: "Nightly import", Description: "Copies articles from the editors' system", Type: token.Custom, Duration: "90d",
			Grants: []string{"article.find", "article.create", "article.update", "POST /api/reports"},
		},
		by: "ben", made: 64, used: [2]int{63, 0}, allowed: 140, refused: 9, address: "198.51.100.9",
	},
	{
		Draft: admin.Draft{Name: "Blue Harbour", Description: "Partner; ask ivy before it is extended", Type: token.ReadOnly, Duration: "60d"},
		by:    "ann", made: 55, used: [2]int{54, 1}, allowed: 220, refused: 12, address: "203.0.113.5",
	},
	{
		Draft: admin.Draft{Name: "Load test", Type: token.FullAccess, Duration: "unlimited"},
		by:    "ann", made: 47, used: [2]int{46, 44}, allowed: 48_000, refused: 3, address: "192.0.2.44",
	},
	{
		Draft: admin.Draft{Name: "Intern", Type: token.Custom, Duration: "30d", Grants: []string{"article.find", "article.find_one", "search.run"}},
		by:    "ann", made: 34, used: [2]int{33, 6}, allowed: 25, refused: 6, address: "192.0.2.51",
	},
	{
		Draft: admin.Draft{Name: "Mobile app", Description: "Version 2, for both stores", Type: token.Custom, Duration: "unlimited", Grants: []string{"article.find", "article.find_one", "search.run"}},
		by:    "ben", made: 26, used: [2]int{25, 0}, allowed: 400, refused: 31, address: "198.51.100.77",
	},
	{
		Draft: admin.Draft{API: admin.ManagementAPI, Name: "Deployment", Description: "Makes a token for each preview", Type: token.Custom, Duration: "365d", Grants: []string{"token.create", "token.delete"}},
		by:    "ann", made: 12, used: [2]int{11, 1}, allowed: 14, refused: 0, address: "192.0.2.60",
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
			_, err := s.SetEnabled(ctx, ann, h.tokens["Load test"].id, false)
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
	if err := do(service, actor); err != nil {
		return err
	}
	return service.SignOut(ctx, actor)
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
	made, secret, err := s.Create(ctx, who, t.Draft)
	t.id, t.secret = made.ID, secret.Digest()
	h.tokens[t.Name] = t
	return err
}

// uses are the days on which the tokens were used: less on weekends, and no two
// days alike.
func (h *history) uses() (uses []token.Use) {
	for _, t := range h.tokens {
		for ago := t.used[0]; ago >= t.used[1] && t.used[0] > 0; ago-- {
			at := h.now.AddDate(0, 0, -ago).Add(-time.Duration(ago%50+3) * time.Minute)
			use := token.Use{TokenID: t.id, Secret: t.secret, Day: at.UTC().Truncate(24 * time.Hour), Last: at}
			use.Allowed = t.allowed * uint64(8+(ago*7+len(t.Name))%9) / 12
			if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
				use.Allowed /= 3
			}
			if (ago+len(t.Name))%4 == 0 {
				use.Refused = t.refused
			}
			uses = append(uses, use)
		}
	}
	return uses
}
