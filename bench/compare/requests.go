package main

import (
	"fmt"
	"net/http"
	"time"
)

// requests is W5: how many of the small answers that clients ask for most there are a second, over 64 connections.
func requests(s *session) error {
	if _, err := s.big("W5"); err != nil {
		return err
	}
	hello := s.peer("W5", "Go hello", startHello)
	for _, c := range []struct{ what, method, url string }{
		{"HEAD resolve", http.MethodHead, s.hub.resolve(bigRepo, "big.bin")},
		{"GET api/models/ID", http.MethodGet, s.hub.url + "/api/models/" + owner + "/" + bigRepo},
		{"GET resolve, small file", http.MethodGet, s.hub.resolve(bigRepo, "config.json")},
	} {
		var n int
		one := func(who, url, token string) contestant {
			return contestant{who, func() (float64, error) {
				b, err := hammer(s.ctx, c.method, url, token, "", 64, time.Duration(s.secs)*time.Second)
				n = b.n
				return b.rate, err
			}}
		}
		meter := cpuMeter{unit: func() float64 { return float64(n) / 1e6 }}
		all := []contestant{meter.wrap(one(hubName, c.url, s.hub.token), s.hub.process)}
		if hello != nil {
			all = append(all, meter.wrap(one("Go hello", "http://"+hello.addr+"/", ""), hello))
		}
		s.inTurn(row{"W5", c.what, "/s", false}, s.rounds, true, all)
		meter.record(s, row{"W5", c.what + ": server's processor time", "µs", true}, all, true)
	}
	return nil
}

// crowds is W12: many clients that read a small file. A failed answer fails the row.
func crowds(s *session) error {
	if _, err := s.big("W12"); err != nil {
		return err
	}
	hello := s.peer("W12", "Go hello", startHello)
	for _, clients := range []int{100, 500, 1000} {
		slowest := map[string][]float64{}
		one := func(who, url, token string) contestant {
			return contestant{who, func() (float64, error) {
				b, err := hammer(s.ctx, http.MethodGet, url, token, "", clients, time.Duration(s.secs)*time.Second)
				if err == nil {
					slowest[who] = append(slowest[who], b.p99)
				}
				return b.rate, err
			}}
		}
		all := []contestant{one(hubName, s.hub.resolve(bigRepo, "config.json"), s.hub.token)}
		if hello != nil {
			all = append(all, one("Go hello", "http://"+hello.addr+"/", ""))
		}
		s.inTurn(row{"W12", fmt.Sprintf("small file, %d clients", clients), "/s", false}, s.rounds, false, all)
		for _, c := range all {
			s.record(row{"W12", fmt.Sprintf("small file, %d clients: p99", clients), "ms", true}, c.who, slowest[c.who]...)
		}
	}
	return nil
}
