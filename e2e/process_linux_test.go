package e2e

import "syscall"

// endWithParent makes the system end a process when this one is gone, however it
// went: a test run that panics or is killed leaves nothing behind.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
