package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// session is one run: its folder, the programs that it has started, and what it has measured.
type session struct {
	ctx context.Context
	options
	dir     string
	began   time.Time
	load    *otherLoad
	procs   []*process
	hub     *hub
	peers   map[string]*process
	absent  map[string]error // peers that could not be started
	series  []*series
	skipped []skip
	large   []byte // random bytes of the size of a large file
	bigDone bool   // it is where downloads read it
}

// series is what one contestant reached in one row of the table.
type series struct {
	row
	who    string
	values []float64
}

// row is one thing that is measured of several contestants.
type row struct {
	workload, what, unit string
	lower                bool // better
}

// skip is a line of the table about what was not measured.
type skip struct{ workload, why string }

// contestant is one of those who are measured in turn. run returns its figure.
type contestant struct {
	who string
	run func() (float64, error)
}

func newSession(ctx context.Context, o options) (*session, error) {
	dir, err := os.MkdirTemp("", "cairn-bench-")
	if err != nil {
		return nil, err
	}
	s := &session{ctx: ctx, options: o, dir: dir, began: time.Now(), peers: map[string]*process{}, absent: map[string]error{}}
	s.load = watchLoad()
	s.hub, err = startHub(s)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	s.large = make([]byte, o.bytes)
	randomize(s.large)
	return s, nil
}

// close ends all that was started, the last first, and deletes the folder.
func (s *session) close() {
	for _, p := range slices.Backward(s.procs) {
		p.stop()
	}
	s.load.stop()
	_ = os.RemoveAll(s.dir)
}

func (s *session) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *session) skip(workload, why string) {
	fmt.Printf("  %s: %s\n", workload, why)
	s.skipped = append(s.skipped, skip{workload, why})
}

// peer starts a peer at its first use, and says in the table that it is absent when it is.
func (s *session) peer(workload, name string, start func(*session) (*process, error)) *process {
	if p := s.peers[name]; p != nil {
		return p
	}
	if s.absent[name] == nil {
		p, err := start(s)
		if err == nil {
			s.peers[name] = p
			return p
		}
		s.absent[name] = err
	}
	s.skip(workload, fmt.Sprintf("no %s: %v", name, s.absent[name]))
	return nil
}

// record keeps figures and prints their median.
func (s *session) record(r row, who string, values ...float64) {
	if len(values) == 0 {
		return
	}
	s.series = append(s.series, &series{r, who, values})
	fmt.Printf("  %-32s %-28s %10s %s\n", r.what, who, figure(median(values)), r.unit)
}

// rounds measures contestants in turn, each round beginning with another one. A first turn, which fills caches, is not counted
// when warm is set. A contestant that fails is named in the table and left out of further rounds.
func (s *session) inTurn(r row, rounds int, warm bool, all []contestant) {
	all = slices.DeleteFunc(slices.Clone(all), func(c contestant) bool { return c.run == nil })
	values := make([][]float64, len(all))
	failed := make([]error, len(all))
	once := func(i int, count bool) {
		if failed[i] != nil {
			return
		}
		v, err := all[i].run()
		if failed[i] = errors.Join(err, s.ctx.Err()); failed[i] == nil && count {
			values[i] = append(values[i], v)
		}
	}
	for i := range all {
		if warm {
			once(i, false)
		}
	}
	for k := range rounds {
		for i := range all {
			once((i+k)%len(all), true)
		}
	}
	for i, c := range all {
		if failed[i] != nil {
			s.skip(r.workload, fmt.Sprintf("%s, %s: %v", r.what, c.who, failed[i]))
			continue
		}
		s.record(r, c.who, values[i]...)
	}
}

// ofCPU wraps a contestant so that the processor time of its processes is kept, per unit of what work returns.
type cpuMeter struct {
	unit func() float64 // how many units the last run did
	got  map[string][]float64
}

func (m *cpuMeter) wrap(c contestant, p *process) contestant {
	if m.got == nil {
		m.got = map[string][]float64{}
	}
	run := c.run
	c.run = func() (float64, error) {
		from := p.cpu()
		v, err := run()
		if n := m.unit(); err == nil && n > 0 {
			m.got[c.who] = append(m.got[c.who], (p.cpu()-from).Seconds()/n)
		}
		return v, err
	}
	return c
}

// record writes the processor times, without those of the first turn, which filled caches.
func (m *cpuMeter) record(s *session, r row, all []contestant, warm bool) {
	for _, c := range all {
		v := m.got[c.who]
		if warm && len(v) > 1 {
			v = v[1:]
		}
		s.record(r, c.who, v...)
	}
}

// command runs a program to its end, with an environment that does not read this user's git settings.
func (s *session) command(dir, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(s.ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=b",
		"GIT_AUTHOR_EMAIL=b@example.org", "GIT_COMMITTER_NAME=b", "GIT_COMMITTER_EMAIL=b@example.org", "LC_ALL=C")
	return c
}

// exec is command for who wants to know only whether it went well.
func (s *session) exec(dir, name string, args ...string) error {
	if out, err := s.command(dir, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %.300s", name, err, out)
	}
	return nil
}

// timed is how many seconds work takes.
func timed(work func() error) (float64, error) {
	from := time.Now()
	err := work()
	return time.Since(from).Seconds(), err
}

// rate is GiB a second.
func rate(bytes int, secs float64) float64 { return gib(bytes) / secs }

func gib(bytes int) float64 { return float64(bytes) / (1 << 30) }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
