package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/tokenreeve/tokenreeve/store/sqlite"
)

// writerVariable makes this program a writer: another process that changes the
// tokens in the SQLite file that it names. It does what the command line does, but
// can be at it again at once, so many more kills meet a change.
const writerVariable = "TOKENREEVE_E2E_WRITER"

// writeSteps makes the steps that come on standard input, and answers each.
func writeSteps(path string, in io.Reader, out io.Writer) error {
	ctx := context.Background()
	opened, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer opened.Close()
	for steps := json.NewDecoder(in); ; {
		var s step
		if err := steps.Decode(&s); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer := "ok"
		if err := s.run(ctx, opened); err != nil {
			answer = err.Error()
		}
		if s.Seed%4 == 0 { // so that some kills come between a change and its answer
			time.Sleep(20 * time.Millisecond)
		}
		if _, err := fmt.Fprintf(out, "%q\n", answer); err != nil {
			return err
		}
	}
}

// writer is such a process.
type writer struct {
	cmd     *exec.Cmd
	steps   io.WriteCloser
	answers *bufio.Reader
}

func startWriter(t *testing.T, path string) (*writer, error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), writerVariable+"="+path)
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, endWithParent()
	w := &writer{cmd: cmd}
	if w.steps, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.answers = bufio.NewReader(out)
	return w, cmd.Start()
}

// make has a change made. The answer is false if the process did not live to give one.
func (w *writer) make(s step) (answered bool, err error) {
	if err := json.NewEncoder(w.steps).Encode(s); err != nil {
		return false, nil //nolint:nilerr // the process has ended, and it has not answered
	}
	line, err := w.answers.ReadString('\n')
	if err != nil {
		return false, nil //nolint:nilerr // it ended before it answered
	}
	if line != "\"ok\"\n" {
		return true, fmt.Errorf("%+v: %s", s, line)
	}
	return true, nil
}

// end waits for the end of a process that was killed, or that ends for lack of steps.
func (w *writer) end() {
	w.steps.Close()
	_ = w.cmd.Wait() // it was killed, most likely
}
