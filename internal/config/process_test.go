package config

import (
	"maps"
	"slices"
	"testing"
)

func TestProcess(t *testing.T) {
	const pid, parent = 40, 7
	for _, c := range []struct {
		name string
		env  []string
		want map[string]int
		fail bool
	}{
		{"nothing", nil, map[string]int{}, false},
		{"for another process", []string{"LISTEN_PID=41", "LISTEN_FDS=1"}, map[string]int{}, false},
		{"of another parent", []string{"CAIRN_LISTEN_PPID=8", "LISTEN_FDS=1"}, map[string]int{}, false},
		{"one unnamed socket", []string{"LISTEN_PID=40", "LISTEN_FDS=1"}, map[string]int{"http": 3}, false},
		{"one socket named after its unit", []string{"LISTEN_PID=40", "LISTEN_FDS=1", "LISTEN_FDNAMES=cairn.socket"}, map[string]int{"http": 3}, false},
		{"two", []string{"LISTEN_PID=40", "LISTEN_FDS=2", "LISTEN_FDNAMES=ssh:http"}, map[string]int{"ssh": 3, "http": 4}, false},
		{"two unnamed", []string{"LISTEN_PID=40", "LISTEN_FDS=2"}, nil, true},
		{"two of one name", []string{"LISTEN_PID=40", "LISTEN_FDS=2", "LISTEN_FDNAMES=http:http"}, nil, true},
		{"too many", []string{"LISTEN_PID=40", "LISTEN_FDS=1000000000"}, nil, true},
		{"no number", []string{"LISTEN_PID=40", "LISTEN_FDS=x"}, nil, true},
	} {
		p, err := ReadProcess(c.env, pid, parent)
		if (err != nil) != c.fail || !c.fail && !maps.Equal(p.Handed, c.want) {
			t.Errorf("%s: %v, %v", c.name, p.Handed, err)
		}
	}
	p, err := ReadProcess([]string{"A=1", "LISTEN_PID=40", "LISTEN_FDS=1"}, pid, parent)
	if err != nil {
		t.Fatal(err)
	}
	env := p.Environ(pid, []string{"http", "lock"})
	child, err := ReadProcess(env, 99, pid)
	if err != nil || !maps.Equal(child.Handed, map[string]int{"http": 3, "lock": 4}) || !slices.Contains(env, "A=1") {
		t.Error(env, child, err)
	}
}
