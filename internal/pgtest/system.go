package pgtest

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// serverUser returns who runs the server when this process is root, which
// Postgres refuses to be run by.
func serverUser() (uid, gid uint32, other bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	const nobody = 65534
	known, err := user.Lookup("postgres")
	if err != nil {
		return nobody, nobody, true
	}
	u, errU := strconv.ParseUint(known.Uid, 10, 32)
	g, errG := strconv.ParseUint(known.Gid, 10, 32)
	if errU != nil || errG != nil {
		return nobody, nobody, true
	}
	return uint32(u), uint32(g), true
}

func asServerUser() *syscall.SysProcAttr {
	attr := apart()
	if uid, gid, other := serverUser(); other {
		attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return attr
}

func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// worksIn reports whether a process has the folder as its working directory, as
// all of a Postgres have their data's.
func worksIn(dir string) bool {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // the pattern is a good one
	return slices.ContainsFunc(links, func(link string) bool {
		at, err := os.Readlink(link)
		return err == nil && at == dir
	})
}

// childrenOf returns the processes that a process started.
func childrenOf(parent int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, can hold anything; after it: state, parent.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			children = append(children, pid)
		}
	}
	return children, nil
}
