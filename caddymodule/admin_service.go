package caddymodule

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
	"github.com/tokenreeve/tokenreeve/store"
)

// managing is what of managing tokens survives a reload. The service slows down
// guesses at passwords, and so has to remember them.
type managing struct {
	service atomic.Pointer[admin.Service] // nil until the store could be reached
	vouched vouched
	greeted atomic.Bool  // how to make the first owner was said, or there is one
	pruned  atomic.Int64 // when, in unix seconds

	admitting     sync.Mutex
	secure, plain *rest.Admission // over TLS and without, where cookies have another name
}

func (m *managing) begin(s store.Store) {
	m.service.Store(admin.New(s, time.Now, rand.Reader).WithPasswords(argon2id{}))
}

// admission returns what bounds how often the handlers of this store are asked, all
// together.
func (m *managing) admission(cookie rest.Cookie) *rest.Admission {
	m.admitting.Lock()
	defer m.admitting.Unlock()
	one := &m.secure
	if cookie == rest.PlainCookie {
		one = &m.plain
	}
	if *one == nil {
		*one = rest.NewAdmission(cookie, clientAddress, rest.Rate{}, rest.Rate{}, time.Now)
	}
	return *one
}

// registerAdmin adds a handler of the management API. There can be several, for
// the same store, so they have to agree on what is kept.
func (a *App) registerAdmin(h *Admin) error {
	a.admins = append(a.admins, h)
	if a.auditRetention() != h.retention() {
		return fmt.Errorf("audit_retention differs between two api_tokens_admin; write the same in both")
	}
	return nil
}

func (a *Admin) retention() time.Duration {
	return durationOr(a.AuditRetention, defaultRetention)
}

func (a *App) auditRetention() time.Duration { return a.admins[0].retention() }

// startAdmins makes the handlers of the management API ready. What needs the
// store is done beside it, since that may be away.
func (a *App) startAdmins() {
	if len(a.admins) == 0 {
		return
	}
	a.findPlaces()
	for _, h := range a.admins {
		h.names = slices.Concat(h.Hosts, h.site.hosts)
		h.warnOfPlain()
	}
	m := &a.runtime.managing
	a.saving.Go(func() { a.manage(m) })
}

const (
	manageInterval = time.Minute
	manageRetry    = catalogsRetry
	pruneEvery     = time.Hour
	manageTimeout  = openTimeout
)

// manage does what nobody asks for, until the configuration is replaced.
func (a *App) manage(m *managing) {
	checked := false
	for wait := time.Duration(0); sleep(a.ctx, wait); {
		wait = manageRetry
		s := m.service.Load()
		if s == nil {
			continue
		}
		err := a.greet(m, s)
		if !checked {
			err = errors.Join(err, a.checkRoles(s))
			checked = err == nil
		}
		if err == nil {
			wait, err = manageInterval, a.pruneAudit(m, s)
		}
		if err != nil && a.ctx.Err() == nil && !isAway(err) {
			a.logger.Error("looking after accounts and the audit trail failed; trying again", zap.Error(err))
			wait = manageInterval
		}
	}
}

// greet says in the log how to make the first owner: once for each start.
func (a *App) greet(m *managing, s *admin.Service) error {
	if m.greeted.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, manageTimeout)
	defer cancel()
	if needed, err := s.NeedsSetUp(ctx); err != nil {
		return err
	} else if !needed {
		m.greeted.Store(true)
		return nil
	}
	if address, ok := a.linkAddress(); ok {
		return a.logSetUpLink(ctx, m, s, address)
	}
	a.logger.Warn("there is no owner yet who has signed in; if there is none at all, make one: caddy api-tokens account create <name> --role owner")
	m.greeted.Store(true)
	return nil
}

// linkAddress is where one can sign in by password, over TLS if possible.
func (a *App) linkAddress() (address string, ok bool) {
	for _, h := range a.admins {
		if h.SignIn.Password && (!ok || !strings.HasPrefix(address, "https:")) {
			address, ok = h.site.address, true
		}
	}
	return address, ok
}

// logSetUpLink writes the one secret that is ever in a log, on purpose. It is of no
// use to anybody once there is an owner, nor after an hour. Behind # it is not
// sent to the server by who follows the link, so access logs don't have it.
func (a *App) logSetUpLink(ctx context.Context, m *managing, s *admin.Service, address string) error {
	link, err := s.SetUpLink(ctx, admin.Actor{Via: admin.ViaGateway})
	if err != nil && !errors.Is(err, admin.ErrSetUpDone) {
		return err
	}
	if err == nil {
		a.logger.Warn(setUpMessage,
			zap.String("link", address+setUpPath+"#"+link.Reveal()), zap.Time("until", time.Now().Add(admin.SetUpMost)))
	}
	m.greeted.Store(true)
	return nil
}

// setUpMessage is the message with the set-up link.
const setUpMessage = "there is no owner yet; make the first one, who may do everything, by this link; it works once, for an hour, and shows here on purpose"

// checkRoles says at the start that nobody new will get in, instead of with the first of them.
func (a *App) checkRoles(s *admin.Service) error {
	ctx, cancel := context.WithTimeout(a.ctx, manageTimeout)
	defer cancel()
	for _, role := range a.rolesOfNewcomers() {
		_, err := s.Role(ctx, admin.Operator("gateway"), role)
		if errors.Is(err, store.ErrNotFound) {
			a.logger.Error("there is no such role, so nobody who is new can sign in; make it, or name another one in api_tokens_admin", zap.String("role", role))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// rolesOfNewcomers returns the roles that accounts are made with on first use.
func (a *App) rolesOfNewcomers() (roles []string) {
	for _, h := range a.admins {
		if h.SignIn.Header != nil && h.SignIn.Header.Role != "" {
			roles = append(roles, h.SignIn.Header.Role)
		}
		if h.SignIn.OIDC != nil && h.SignIn.OIDC.Role != "" {
			roles = append(roles, h.SignIn.OIDC.Role)
		}
	}
	return roles
}

// pruneAudit removes what is too old, once an hour however often configurations
// are replaced.
func (a *App) pruneAudit(m *managing, s *admin.Service) error {
	now, last := time.Now(), m.pruned.Load()
	if now.Sub(time.Unix(last, 0)) < pruneEvery || !m.pruned.CompareAndSwap(last, now.Unix()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, pruneTimeout)
	defer cancel()
	return s.Prune(ctx, a.auditRetention())
}
