package pgtest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// guardScript waits for the end of its input, which comes when this process has
// ended at the latest, and then kills what is named in the folder, with its
// children, and removes the folder. The list of children is taken while their
// parent is halted.
const guardScript = `
cat >/dev/null
for file in "$1/data/postmaster.pid" "$1/bouncer.pid"; do
	[ -e "$file" ] || continue
	read -r parent <"$file" || continue
	kill -STOP "$parent" || continue
	children=
	for stat in /proc/[0-9]*/stat; do
		read -r pid name state ppid rest 2>/dev/null <"$stat" || continue
		[ "$ppid" != "$parent" ] || children="$children $pid"
	done
	kill -KILL $children "$parent"
done
rm -rf "$1"
`

// guard is a process that outlives this one for a moment and tidies up.
type guard struct {
	dir     string
	command *exec.Cmd
	input   io.Closer
}

func startGuard(dir string) (*guard, error) {
	command := exec.Command("sh", "-c", guardScript, "guard", dir) //nolint:noctx // it ends when the server does
	command.Dir = "/"
	command.SysProcAttr = apart() // a signal from the keyboard is not for it
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &guard{dir, command, input}, command.Start()
}

// stop lets the guard do its work and waits for it.
func (g *guard) stop() error {
	_ = g.input.Close()  // it is closed already if this is called again
	_ = g.command.Wait() // kill complains of what is gone already
	return os.RemoveAll(g.dir)
}

// pidFile reads the number of a process out of the first line of a file.
func (s *Server) pidFile(name string) (int, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return 0, err
	}
	for i, b := range text {
		if b == '\n' {
			text = text[:i]
			break
		}
	}
	return strconv.Atoi(string(text))
}
