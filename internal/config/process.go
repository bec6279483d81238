package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The names of what a process may be handed by the one that started it.
const (
	SocketHTTP     = "http"
	SocketSSH      = "ssh"
	SocketMetrics  = "metrics"
	SocketRedirect = "redirect" // of http-listen
	HandedLock     = "lock"     // the data folder's lock, held
	HandedParent   = "parent"   // a stream to the process that this one takes over from
)

// The protocol of systemd's socket activation (sd_listen_fds(3)): the descriptors begin at 3, and LISTEN_PID says for whom
// they are. A parent that is itself a hub cannot know the number of its child before it is there, so it gives its own.
const (
	firstHanded    = 3
	handedPID      = "LISTEN_PID"
	handedCount    = "LISTEN_FDS"
	handedNames    = "LISTEN_FDNAMES"
	handedByParent = "CAIRN_LISTEN_PPID"
	notifySocket   = "NOTIFY_SOCKET"
)

// Process is what whoever started this process has left it in the environment.
type Process struct {
	Handed map[string]int // descriptors by name
	Notify string         // socket that wants to know when the hub is ready; empty: none

	environ []string
}

// ReadProcess reads it. pid and parent are the numbers of this process and of its parent: descriptors that are meant for
// another one are left alone.
func ReadProcess(environ []string, pid, parent int) (Process, error) {
	env := environment(environ)
	p := Process{Handed: map[string]int{}, Notify: env[notifySocket], environ: environ}
	if env[handedCount] == "" || env[handedPID] != strconv.Itoa(pid) && env[handedByParent] != strconv.Itoa(parent) {
		return p, nil
	}
	n, err := strconv.Atoi(env[handedCount])
	if err != nil || n < 0 || n > 16 {
		return p, fmt.Errorf("environment variable %s=%q is no number of sockets", handedCount, env[handedCount])
	}
	names := strings.Split(env[handedNames], ":")
	for i := range n {
		name := SocketHTTP // of a unit that names nothing there is one socket
		if i < len(names) && slices.Contains([]string{SocketHTTP, SocketSSH, SocketMetrics, SocketRedirect, HandedLock, HandedParent}, names[i]) {
			name = names[i]
		} else if n > 1 {
			return p, fmt.Errorf("%s=%q: each of %d sockets needs a name, %s, %s or %s (FileDescriptorName= of the socket unit)",
				handedNames, env[handedNames], n, SocketHTTP, SocketSSH, SocketMetrics)
		}
		if _, twice := p.Handed[name]; twice {
			return p, fmt.Errorf("%s=%q: two sockets are called %s", handedNames, env[handedNames], name)
		}
		p.Handed[name] = firstHanded + i
	}
	return p, nil
}

// Environ is the environment of a process that takes over from this one, of the given number, and gets descriptors of these
// names, from 3 on.
func (p Process) Environ(self int, names []string) []string {
	env := slices.DeleteFunc(slices.Clone(p.environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{handedPID, handedCount, handedNames, handedByParent}, name)
	})
	return append(env, handedByParent+"="+strconv.Itoa(self), handedCount+"="+strconv.Itoa(len(names)), handedNames+"="+strings.Join(names, ":"))
}
