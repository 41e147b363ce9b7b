//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the CPU time that a process (0 is this one) has used in all of
// its threads, those that ended included. The POSIX clock of the process counts
// nanoseconds; utime and stime in /proc count ticks of 10 ms, and schedstat
// forgets threads that ended.
func processCPU(pid int) (time.Duration, error) {
	var ts unix.Timespec
	clock := int32(^pid<<3 | 2) //nolint:gosec // G115: process ids are small. CPUCLOCK_SCHED of <linux/posix-timers.h>
	if pid == 0 {
		clock = unix.CLOCK_PROCESS_CPUTIME_ID
	}
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// treeCPU is the CPU time of a process and of its children that are alive. Time
// of those that ended is missing, so it is for servers that keep theirs.
func treeCPU(root int) (time.Duration, error) {
	total, err := processCPU(root)
	if err != nil {
		return 0, err
	}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, can hold anything; after it: state, parent.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(root) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if used, err := processCPU(pid); err == nil {
			total += used
		}
	}
	return total, nil
}

// onCore runs start on a thread that may only use the given core (-1: any), so
// that the process that it starts is bound to the core from its first moment.
func onCore(core int, start func() error) error {
	if core < 0 {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("reading the cores of a thread: %w", err)
	}
	if err := unix.SchedSetaffinity(0, oneCore(core)); err != nil {
		return fmt.Errorf("binding to core %d: %w", core, err)
	}
	err := start()
	if restore := unix.SchedSetaffinity(0, &before); restore != nil {
		return errors.Join(err, fmt.Errorf("unbinding from core %d: %w", core, restore))
	}
	return err
}

func oneCore(core int) *unix.CPUSet {
	var set unix.CPUSet
	set.Set(core)
	return &set
}

// moveToCore binds all threads of a running process to a core. New threads take
// after the one that starts them, so it looks again until none is elsewhere.
func moveToCore(pid, core int) error {
	want := oneCore(core)
	for range 20 {
		moved, err := moveThreads(pid, want)
		if err != nil {
			return fmt.Errorf("moving process %d to core %d: %w", pid, core, err)
		}
		if moved == 0 {
			return nil
		}
	}
	return fmt.Errorf("process %d starts threads faster than they can be moved", pid)
}

func moveThreads(pid int, want *unix.CPUSet) (moved int, err error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return 0, err
		}
		var has unix.CPUSet
		err = unix.SchedGetaffinity(id, &has)
		if err == nil && has != *want {
			moved++
			err = unix.SchedSetaffinity(id, want)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // the thread may have ended
			return 0, err
		}
	}
	return moved, nil
}

// twoCores are the cores of the two sides: the first two that this process may use.
func twoCores() ([2]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return [2]int{}, err
	}
	var found []int
	for core := 0; core < 1024 && len(found) < 2; core++ {
		if set.IsSet(core) {
			found = append(found, core)
		}
	}
	if len(found) < 2 {
		return [2]int{}, errors.New("two cores are needed to measure two sides at once; use -cores all")
	}
	return [2]int{found[0], found[1]}, nil
}

// machineBusy is the time that all cores together have spent on anything, from
// /proc/stat. What the benchmark did not spend itself, others did.
func machineBusy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 {
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// residentMemory is the resident set of a process in bytes.
func residentMemory(pid int) (int64, error) {
	return procNumber(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:", 1024)
}

// bytesWritten is what a process caused to be written to storage.
func bytesWritten(pid int) (int64, error) {
	return procNumber(fmt.Sprintf("/proc/%d/io", pid), "write_bytes:", 1)
}

func procNumber(path, name string, unit int64) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n * unit, err
		}
	}
	return 0, fmt.Errorf("%s has no %s: %w", path, name, fs.ErrNotExist)
}
