package main

import (
	"fmt"
	"os"
	"time"
)

// startups is W10: from the start of a program to its first answer, and what it holds while nobody asks for anything.
func startups(s *session) error {
	var turns []contestant
	memory := map[string][]float64{}
	add := func(who string, start func() (*process, error)) {
		turns = append(turns, contestant{who, func() (float64, error) {
			var p *process
			secs, err := timed(func() (err error) { p, err = start(); return err })
			if err != nil {
				return 0, err
			}
			defer p.stop()
			time.Sleep(idle)
			mib, err := p.memory()
			memory[who] = append(memory[who], mib)
			return secs * 1000, err
		}})
	}
	number := 0
	add(hubName+", first start", func() (*process, error) {
		number++
		return startOther(s, fmt.Sprintf("start%d", number), s.hub.bin, "")
	})
	const known = "started"
	first, err := startOther(s, known, s.hub.bin, "")
	if err != nil {
		return err
	}
	first.stop()
	add(hubName, func() (*process, error) { return startOther(s, known, s.hub.bin, "known") })
	for _, peer := range []struct {
		name  string
		start func(*session) (*process, error)
	}{{"Go hello", startHello}, {"nginx", startIdleNginx}, {"versitygw", startVersity}} {
		p, err := peer.start(s)
		if err != nil {
			s.skip("W10", fmt.Sprintf("no %s: %v", peer.name, err))
			continue
		}
		p.stop()
		add(peer.name, func() (*process, error) { return peer.start(s) })
	}
	s.inTurn(row{"W10", "start to first answer", "ms", true}, s.rounds+2, false, turns)
	for _, c := range turns {
		s.record(row{"W10", "idle memory (PSS)", "MiB", true}, c.who, memory[c.who]...)
	}
	return nil
}

// idle is how long a program is left alone before its memory is read.
const idle = 2 * time.Second

// startOther starts a hub of its own on a folder; token says that the folder is known, so that none is printed.
func startOther(s *session, name, bin, token string) (*process, error) {
	h := &hub{bin: bin, data: s.path(name), token: token, client: s.hub.client}
	err := h.start(s)
	return h.process, err
}

// startIdleNginx starts a second nginx, in a folder of its own, beside one that may be running.
func startIdleNginx(s *session) (*process, error) {
	apart := *s
	apart.dir = s.path("idle")
	if err := os.MkdirAll(apart.dir, 0o700); err != nil {
		return nil, err
	}
	p, err := startNginx(&apart)
	s.procs = apart.procs
	return p, err
}
