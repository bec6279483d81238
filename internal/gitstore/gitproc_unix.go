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
