package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"
)

// disturbProcesses does one thing to gateways or to Postgres, and waits a moment.
func (x *chaos) disturbProcesses(ctx context.Context) {
	i := 1 + x.rng.IntN(gateways-1)
	switch x.rng.IntN(9) {
	case 0, 1:
		x.did("gateway killed")
		x.gateways[i].process.kill()
		x.sleep(ctx, 500*time.Millisecond)
		x.startAgain(i)
	case 2:
		x.did("gateway restarted")
		x.stopGateway(i)
		x.startAgain(i)
	case 3, 4:
		x.reload(x.rng.IntN(gateways), x.rng.IntN(2) == 0)
	case 5:
		x.did("Postgres killed")
		x.away(ctx, x.postgres.Kill, x.postgres.Start, 0, time.Second)
	case 6:
		x.did("Postgres restarted")
		x.away(ctx, func() error { return x.postgres.Stop(syscall.SIGINT) }, x.postgres.Start, 0, 300*time.Millisecond)
	case 7:
		x.did("Postgres halted")
		x.away(ctx, func() error { return x.postgres.Signal(syscall.SIGSTOP) },
			func() error { return x.postgres.Signal(syscall.SIGCONT) }, 0, 2*time.Second)
	case 8:
		x.did("Postgres halted for long")
		x.away(ctx, func() error { return x.postgres.Signal(syscall.SIGSTOP) },
			func() error { return x.postgres.Signal(syscall.SIGCONT) }, longAway, 2*time.Second)
	}
	x.sleep(ctx, 1500*time.Millisecond)
}

// sleep waits for a random time.
func (x *chaos) sleep(ctx context.Context, most time.Duration) {
	x.wait(ctx, time.Duration(x.rng.Int64N(int64(most))))
}

func (x *chaos) wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// away takes Postgres away for a while. All gateways are in trouble then.
func (x *chaos) away(ctx context.Context, take, giveBack func() error, least, more time.Duration) {
	x.halted.Store(true)
	for _, one := range x.judge.trouble {
		defer one.begin()()
	}
	if err := take(); err != nil {
		x.t.Fatal(err)
	}
	x.wait(ctx, least)
	x.sleep(ctx, more)
	if err := giveBack(); err != nil {
		x.t.Fatal(err)
	}
	x.halted.Store(false)
}

// stopGateway stops a gateway in good order. It writes what it has left, unless
// its way to Postgres hangs just now.
func (x *chaos) stopGateway(i int) {
	code := x.gateways[i].process.stop(interrupt)
	if code != 0 && !x.troubled(i, time.Now().Add(-patience)) {
		x.problem("gateway %d ended with code %d", i, code)
	}
}

// startAgain starts a gateway, again and again while it can't reach Postgres.
func (x *chaos) startAgain(i int) {
	g := x.gateways[i]
	for begin := time.Now(); ; {
		g.process = start(x.t, g.dir, g.env, g.binary, "run", "--config", g.config)
		if g.process.comesUp(g.addr) {
			return
		}
		x.did("gateway did not start")
		if !x.troubled(i, begin.Add(-recovery)) {
			x.problem("gateway %d does not start while Postgres is well: %s", i, g.process.out.tail())
		}
		if time.Since(begin) > 2*patience {
			x.t.Fatalf("gateway %d does not start", i)
		}
	}
}

// comesUp waits until the process takes connections, or has ended.
func (p *process) comesUp(address string) bool {
	for {
		select {
		case <-p.done:
			return false
		case <-time.After(10 * time.Millisecond):
			if takesConnections(address) {
				return true
			}
		}
	}
}

// reload loads the configuration anew. With other settings the gateway begins
// with an empty cache and another connection to the store.
func (x *chaos) reload(i int, otherSettings bool) {
	g := x.gateways[i]
	what := "configuration reloaded"
	if otherSettings {
		what = "configuration reloaded with other settings"
		text, err := os.ReadFile(g.config)
		if err != nil {
			x.t.Fatal(err)
		}
		swap := strings.NewReplacer("flush_interval 200ms", "flush_interval 300ms", "flush_interval 300ms", "flush_interval 200ms")
		if err := os.WriteFile(g.config, []byte(swap.Replace(string(text))), 0o600); err != nil {
			x.t.Fatal(err)
		}
	}
	x.did(what)
	begin := time.Now()
	_, problem, code := run(x.t, g.dir, g.env, g.binary, "reload", "--force", "--config", g.config, "--address", g.admin)
	if code != 0 {
		x.did("reload failed")
		if !x.troubled(i, begin.Add(-recovery)) {
			x.problem("gateway %d does not reload while Postgres is well: %s", i, problem)
		}
	}
}

// disturbNetwork does one thing after the other to connections.
func (x *chaos) disturbNetwork(ctx context.Context) {
	rng := rand.New(rand.NewPCG(x.seed, 2))
	upTo := func(most time.Duration) { x.wait(ctx, time.Duration(rng.Int64N(int64(most)))) }
	for ctx.Err() == nil {
		x.network.Lock()
		i, what := min(rng.IntN(gateways+2), gateways), rng.IntN(8)
		switch {
		case x.gentle.Load():
			x.disturbGently(x.proxies, what%4, upTo)
		case what < 4:
			x.disturbGently(x.proxies[i:i+1], what, upTo)
		default:
			x.disturbRoughly(i, what, upTo)
		}
		for _, p := range x.proxies {
			p.heal()
		}
		x.network.Unlock()
		upTo(700 * time.Millisecond)
	}
}

// disturbGently does nothing that keeps gateways from asking the store.
func (x *chaos) disturbGently(proxies []*proxy, what int, upTo func(time.Duration)) {
	most := 5 * time.Second
	for _, p := range proxies {
		switch what {
		case 0, 1:
			x.did("connections of listeners hung")
			p.setHang(hangListener)
		case 2:
			x.did("notifications lost")
			p.deaf.Store(true)
		case 3:
			x.did("connections delayed")
			p.delay.Store(int64(5 * time.Millisecond))
			most = 2 * time.Second
		}
	}
	upTo(most)
}

// disturbRoughly does what is trouble for a gateway.
func (x *chaos) disturbRoughly(i, what int, upTo func(time.Duration)) {
	if i < gateways {
		defer x.judge.trouble[i].begin()()
	}
	p := x.proxies[i]
	switch what {
	case 4, 5:
		x.did("connections cut")
		p.cut()
	case 6:
		x.did("connections hung")
		p.setHang(hangAll)
		upTo(2 * time.Second)
	case 7:
		x.did("connections hung for long, and cut")
		p.setHang(hangAll)
		time.Sleep(longAway)
		upTo(2 * time.Second)
		p.cut()
	}
}
