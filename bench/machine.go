//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describeMachine says where and when and how the numbers were measured.
func describeMachine(o options) string {
	cores := "one core for each side, with its load and its backend"
	if !o.pinned {
		cores = "both sides on all cores"
	}
	return fmt.Sprintf("Measured on %s: %s, %d cores, %s, Linux %s. %d rounds of %d × %s, %d connections, %s.\n",
		time.Now().UTC().Format(time.DateOnly), cpuModel(), runtime.NumCPU(), runtime.Version(), kernel(),
		o.rounds, windowsPerRound, o.window, o.conns, cores)
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}
