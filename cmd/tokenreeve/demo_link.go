package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"io"
	"net"
	"net/http"

	"github.com/tokenreeve/tokenreeve/admin"
	"github.com/tokenreeve/tokenreeve/admin/rest"
)

// demoPath is where the link of the demo leads, on the site of the pages.
const demoPath = "/demo"

// demoLink signs in whoever has its secret, which stands behind # in the address:
// browsers keep that to themselves, and a page has to send it in a form. It works
// as often as it is followed, for as long as the demo runs.
type demoLink struct {
	secret string
	signIn func(ctx context.Context, from admin.From) (admin.SignedIn, error)
}

func newDemoLink(service *admin.Service) *demoLink {
	return &demoLink{secret: rand.Text(), signIn: func(ctx context.Context, from admin.From) (admin.SignedIn, error) {
		return service.SignInExternal(ctx, identityOf("demo"), admin.RoleOwner, from)
	}}
}

//go:embed demo_link.html
var demoPage string

//go:embed demo_link.js
var demoScript string

func (l *demoLink) register(mux *http.ServeMux) {
	for path, file := range map[string]struct{ kind, text string }{
		demoPath:         {"text/html; charset=utf-8", demoPage},
		demoPath + "/js": {"text/javascript; charset=utf-8", demoScript},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.kind)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
			w.Header().Set("Referrer-Policy", "no-referrer")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = io.WriteString(w, file.text) // the browser may have gone away
		})
	}
	mux.HandleFunc("POST "+demoPath, l.follow)
}

func (l *demoLink) follow(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("secret")), []byte(l.secret)) != 1 {
		http.Error(w, "This is not the link that the demo has printed.", http.StatusForbidden)
		return
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	in, err := l.signIn(r.Context(), admin.From{Address: address, Agent: r.UserAgent()})
	if err != nil {
		http.Error(w, "The demo can't sign you in.", http.StatusInternalServerError)
		return
	}
	rest.PlainCookie.Set(w, in.Secret)
	http.Redirect(w, r, "/tokens", http.StatusSeeOther)
}
