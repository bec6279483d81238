package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const bigRepo = "big"

// big puts the large file and some small ones where they are downloaded from, once, and gives nginx the same.
func (s *session) big(workload string) (nginx *process, err error) {
	nginx = s.peer(workload, "nginx", startNginx)
	if nginx != nil {
		if _, err := os.Stat(s.path("nginx", "file", "big.bin")); err != nil {
			err = errors.Join(os.WriteFile(s.path("nginx", "file", "big.bin"), s.large, 0o600), os.WriteFile(s.path("nginx", "file", "config.json"), smallFile, 0o600))
			if err != nil {
				return nil, err
			}
		}
	}
	if s.bigDone {
		return nginx, nil
	}
	sha := sha256Hex(s.large)
	err = s.hub.create(bigRepo)
	if err == nil {
		err = s.hub.putLarge(bigRepo, sha, s.large)
	}
	if err == nil {
		err = s.hub.commit(bigRepo, commitBody([]file{{path: "big.bin", sha: sha, size: len(s.large)}, {path: "config.json", data: smallFile}, {path: "README.md", data: []byte("---\nlicense: mit\n---\n# bench\n")}}))
	}
	s.bigDone = err == nil
	return nginx, err
}

var smallFile = []byte(`{"architectures":["Bench"],"hidden_size":768,"num_hidden_layers":12,"vocab_size":30522,"padding":"` + fmt.Sprintf("%0400d", 0) + `"}`)

func streaming() *http.Client {
	return &http.Client{Transport: &http.Transport{ReadBufferSize: 256 << 10, MaxIdleConnsPerHost: 64}}
}

// downloads is W1 and W1c: a large file in one stream, from the page cache and from the disk.
func downloads(s *session) error {
	nginx, err := s.big("W1")
	if err != nil {
		return err
	}
	client := streaming()
	defer client.CloseIdleConnections()
	get := func(who, url, token string) contestant {
		return contestant{who, func() (float64, error) {
			secs, err := timed(func() error {
				n, err := download(s.ctx, client, url, token, "")
				if err == nil && n != len(s.large) {
					err = fmt.Errorf("%d of %d bytes came", n, len(s.large))
				}
				return err
			})
			return rate(len(s.large), secs), err
		}}
	}
	meter := cpuMeter{unit: func() float64 { return gib(len(s.large)) }}
	all := []contestant{meter.wrap(get(hubName, s.hub.resolve(bigRepo, "big.bin"), s.hub.token), s.hub.process)}
	if nginx != nil {
		all = append(all, meter.wrap(get("nginx sendfile", "http://"+nginx.addr+"/file/big.bin", ""), nginx))
	}
	s.inTurn(row{"W1", "download, 1 stream, warm", "GiB/s", false}, s.rounds+2, true, all)
	meter.record(s, row{"W1", "download, 1 stream: server's processor time", "s/GiB", true}, all, true)
	return s.coldDownloads(nginx, all)
}

// coldDownloads is W1c: before each turn the page cache is emptied.
func (s *session) coldDownloads(nginx *process, all []contestant) error {
	if os.Getuid() != 0 {
		s.skip("W1c", "only root may empty the page cache")
		return nil
	}
	cold := func(c contestant) contestant {
		return contestant{c.who, func() (float64, error) {
			if err := dropCaches(s.dir); err != nil {
				return 0, err
			}
			return c.run()
		}}
	}
	var turns []contestant
	for _, c := range all {
		turns = append(turns, cold(c))
	}
	if nginx != nil {
		turns = append(turns, cold(contestant{"limit: dd direct", func() (float64, error) {
			secs, err := timed(func() error {
				return s.exec(s.dir, "dd", "if="+s.path("nginx", "file", "big.bin"), "of=/dev/null", "bs=4M", "iflag=direct")
			})
			return rate(len(s.large), secs), err
		}}))
	}
	s.inTurn(row{"W1c", "download, 1 stream, from the disk", "GiB/s", false}, s.rounds, false, turns)
	return nil
}

// ranges is W2 and W2s: parts of a large file, large and small, over several connections.
func ranges(s *session) error {
	nginx, err := s.big("W2")
	if err != nil {
		return err
	}
	hubURL := s.hub.resolve(bigRepo, "big.bin")
	client := streaming()
	defer client.CloseIdleConnections()
	large := func(who, url, token string) contestant {
		return contestant{who, func() (float64, error) {
			secs, err := timed(func() error { return s.pullParts(client, url, token) })
			return rate(len(s.large), secs), err
		}}
	}
	var n int
	small := func(who, url, token string) contestant {
		return contestant{who, func() (float64, error) {
			b, err := hammer(s.ctx, http.MethodGet, url, token, "8-65543", 32, time.Duration(s.secs)*time.Second)
			n = b.n
			return b.rate, err
		}}
	}
	parts := []contestant{large(hubName, hubURL, s.hub.token)}
	meter := cpuMeter{unit: func() float64 { return float64(n) / 1e6 }}
	heads := []contestant{meter.wrap(small(hubName, hubURL, s.hub.token), s.hub.process)}
	if nginx != nil {
		url := "http://" + nginx.addr + "/file/big.bin"
		parts = append(parts, large("nginx sendfile", url, ""))
		heads = append(heads, meter.wrap(small("nginx sendfile", url, ""), nginx))
	}
	s.inTurn(row{"W2", "8 MiB ranges, 8 connections", "GiB/s", false}, s.rounds+2, true, parts)
	s.inTurn(row{"W2s", "64 KiB ranges, 32 connections", "/s", false}, s.rounds, true, heads)
	meter.record(s, row{"W2s", "64 KiB range: server's processor time", "µs", true}, heads, true)
	return nil
}

// pullParts reads the large file in ranges of 8 MiB over 8 connections.
func (s *session) pullParts(client *http.Client, url, token string) error {
	const part = 8 << 20
	var next, total atomic.Int64
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for errs[i] == nil {
				at := int(next.Add(part) - part)
				if at >= len(s.large) {
					return
				}
				n, err := download(s.ctx, client, url, token, fmt.Sprintf("%d-%d", at, min(at+part, len(s.large))-1))
				total.Add(int64(n))
				errs[i] = err
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if total.Load() != int64(len(s.large)) {
		return fmt.Errorf("%d of %d bytes came", total.Load(), len(s.large))
	}
	return nil
}
