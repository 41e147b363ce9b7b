//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tokenreeve/tokenreeve/internal/porttest"
)

// process is a child that ends with its context at the latest.
type process struct {
	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	log    string        // file with its output
	done   chan struct{} // closed when it has ended
	err    error         // how it ended; valid after done
}

// startProcess starts a child bound to a core (-1: any). Its output goes to a file, but
// for stdout if that is given. The child is told to end by SIGTERM, and is
// killed if it does not, or if the benchmark itself is killed.
func (b *bench) startProcess(ctx context.Context, name string, core int, stdin io.Reader, stdout io.Writer, env []string, argv ...string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{name: name, cancel: cancel, done: make(chan struct{})}
	logFile, err := os.CreateTemp(b.dir, filepath.Base(name)+"-*.log")
	if err != nil {
		cancel()
		return nil, err
	}
	p.log = logFile.Name()
	p.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // G204: runs the binaries that it is given or has built
	p.cmd.Dir, p.cmd.Env = b.dir, append(b.environment(core), env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, stdout, logFile
	if stdout == nil {
		p.cmd.Stdout = logFile
	}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = onCore(core, p.cmd.Start)
	_ = logFile.Close() // the child has its own
	if err != nil {
		cancel()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// environment keeps children from reading or writing anything of the user's. A
// child on one core says so to Go's runtime, which would else look for cores
// again and again while it is moved.
func (b *bench) environment(core int) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + b.dir,
		"XDG_DATA_HOME=" + filepath.Join(b.dir, "data"), "XDG_CONFIG_HOME=" + filepath.Join(b.dir, "config"),
	}
	if core >= 0 {
		env = append(env, "GOMAXPROCS=1")
	}
	return env
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and waits until it is gone.
func (p *process) stop() {
	p.cancel()
	<-p.done
	_ = os.Remove(p.log)
}

// failure describes why a process is of no use, with the last words it wrote.
func (p *process) failure(problem string) error {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Errorf("%s: %s (and its log is gone: %w)", p.name, problem, err)
	}
	text = bytes.TrimSpace(text)
	return fmt.Errorf("%s: %s\n%s", p.name, problem, text[max(0, len(text)-most):])
}

// startBackend starts a backend and returns its address.
func (b *bench) startBackend(ctx context.Context, core int) (*process, string, error) {
	fromChild, toUs, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	childStdin, ourEnd, err := os.Pipe() // closes, and so ends the backend, with us
	if err != nil {
		return nil, "", err
	}
	p, err := b.startProcess(ctx, "backend", core, childStdin, toUs, nil, b.self, "backend")
	_, _ = toUs.Close(), childStdin.Close()
	defer func() { _ = fromChild.Close() }()
	if err != nil {
		_ = ourEnd.Close()
		return nil, "", err
	}
	context.AfterFunc(ctx, func() { _ = ourEnd.Close() })
	_ = fromChild.SetReadDeadline(time.Now().Add(10 * time.Second))
	addr, err := bufio.NewReader(fromChild).ReadString('\n')
	if err != nil {
		defer p.stop()
		return nil, "", p.failure("did not say where it listens: " + err.Error())
	}
	return p, strings.TrimSpace(addr), nil
}

// startLoad starts a load generator; the returned function waits for its result.
func (b *bench) startLoad(ctx context.Context, core int, spec loadSpec) (*process, func() (loadResult, error), error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	p, err := b.startProcess(ctx, "load", core, bytes.NewReader(text), &out, nil, b.self, "load")
	if err != nil {
		return nil, nil, err
	}
	wait := sync.OnceValues(func() (loadResult, error) {
		<-p.done
		defer p.stop()
		var result loadResult
		if p.err != nil {
			return result, p.failure(p.err.Error())
		}
		return result, json.Unmarshal(out.Bytes(), &result)
	})
	return p, wait, nil
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	port, err := porttest.Free(porttest.Benchmarks)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
