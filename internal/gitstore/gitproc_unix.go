//go:build unix

package gitstore

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a process and its children into a group, so that all of them end with the request.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// calm gives way to others: who checks a push may take what processor time nobody else wants.
func calm(pid int) { _ = syscall.Setpriority(syscall.PRIO_PGRP, pid, 10) }
