package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// packing lets the tests' client for Xet work outside of a test. It fails on nothing but its own bugs.
type packing struct{ testing.TB }

func (packing) Helper()                   {}
func (packing) Fatal(v ...any)            { panic(fmt.Sprint(v...)) }
func (packing) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }

// xetFile is a version of a file on its way to the hub.
type xetFile struct {
	up   *xetstoretest.Upload
	hash xet.Hash
}

// pack cuts, hashes and packs: the client's work, which is not measured.
func pack(c *xetstoretest.Client, data []byte) xetFile {
	up := c.Pack(packing{}, data)
	return xetFile{up, up.Shard.Files[0].Hash}
}

func (h *hub) xetToken(name, kind string) (string, error) {
	var t struct{ AccessToken string }
	_, err := h.send(h.token, http.MethodGet, "/api/models/"+owner+"/"+name+"/xet-"+kind+"-token/main", nil, 0, &t)
	return t.AccessToken, err
}

// putXet sends what is new of a file: xorbs, four at a time as clients do, then the shard that names them.
func (h *hub) putXet(name string, f xetFile) error {
	token, err := h.xetToken(name, "write")
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(4)
	for _, x := range f.up.Xorbs {
		g.Go(func() error {
			_, err := h.send(token, http.MethodPost, "/v1/xorbs/default/"+x.Hash.String(), bytes.NewReader(x.Body), len(x.Body), nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	shard := f.up.Bytes()
	_, err = h.send(token, http.MethodPost, "/v1/shards", bytes.NewReader(shard), len(shard), nil)
	return err
}

// getXet reads all ranges of xorbs that make a file, and returns how many bytes came.
func (h *hub) getXet(s *session, name string, f xetFile) (total int, err error) {
	token, err := h.xetToken(name, "read")
	if err != nil {
		return 0, err
	}
	type span struct{ Start, End uint64 }
	var plan struct {
		Xorbs map[string][]struct {
			URL    string
			Ranges []struct{ Bytes span }
		}
	}
	if _, err := h.send(token, http.MethodGet, "/v2/reconstructions/"+f.hash.String(), nil, 0, &plan); err != nil {
		return 0, err
	}
	counts := make(chan int)
	var g errgroup.Group
	g.SetLimit(4)
	go func() {
		for _, fetches := range plan.Xorbs {
			for _, x := range fetches {
				var spans []string
				for _, r := range x.Ranges {
					spans = append(spans, fmt.Sprintf("%d-%d", r.Bytes.Start, r.Bytes.End))
				}
				g.Go(func() error {
					n, err := download(s.ctx, h.client, x.URL, "", strings.Join(spans, ","))
					counts <- n
					return err
				})
			}
		}
		err = g.Wait()
		close(counts)
	}()
	for n := range counts {
		total += n
	}
	return total, err
}

// editRun is how many bytes an edit changes, ten chunks or so: what is sent besides is the rest of the chunks at its ends.
const editRun = 640 << 10

// edit changes a hundredth of the bytes in some places and returns how many.
func edit(data []byte) int {
	run := min(editRun, len(data)/2)
	places := max(1, len(data)/100/run)
	for range places {
		at := rand.IntN(len(data) - run)
		randomize(data[at : at+run])
	}
	return run * places
}

// xetTransfers is W4: a file of new content, the same file read back, and a version of which 99 % are the same.
func xetTransfers(s *session) error {
	data := bytes.Clone(s.large)
	if err := s.hub.create("xet"); err != nil {
		return err
	}
	var sent []float64
	var f xetFile
	client := &xetstoretest.Client{}
	cut := contestant{"limit: cut and BLAKE3, one core", func() (float64, error) {
		secs, err := timed(func() error { return chunkAll(data) })
		return rate(len(data), secs), err
	}}
	up := row{"W4", "Xet upload, new content", "GiB/s", false}
	meter := cpuMeter{unit: func() float64 { return gib(len(data)) }}
	fresh := meter.wrap(contestant{hubName, func() (float64, error) {
		renew(data)
		client = &xetstoretest.Client{}
		f = pack(client, data)
		secs, err := timed(func() error { return s.hub.putXet("xet", f) })
		return rate(len(data), secs), err
	}}, s.hub.process)
	s.inTurn(up, s.rounds, false, []contestant{fresh, cut, shaLimit(data), blakeLimit(data)})
	meter.record(s, row{"W4", "Xet upload: server's processor time", "s/GiB", true}, []contestant{fresh}, false)
	if f.up == nil {
		return errors.New("nothing was uploaded")
	}
	s.inTurn(row{"W4", "Xet download", "GiB/s", false}, s.rounds, true, []contestant{{hubName, func() (float64, error) {
		secs, err := timed(func() error {
			n, err := s.hub.getXet(s, "xet", f)
			if err == nil && n < len(data) {
				err = fmt.Errorf("%d of %d bytes came", n, len(data))
			}
			return err
		})
		return rate(len(data), secs), err
	}}, blakeLimit(data)})
	s.inTurn(row{"W4", "Xet upload, 99 % the same", "GiB/s", false}, s.rounds, false, []contestant{{hubName, func() (float64, error) {
		changed := edit(data)
		next := pack(client, data)
		secs, err := timed(func() error { return s.hub.putXet("xet", next) })
		sent = append(sent, float64(next.up.Stored()+len(next.up.Bytes()))/float64(changed))
		return rate(len(data), secs), err
	}}, shaLimit(data)})
	s.record(row{"W4", "bytes sent for a byte changed", "×", true}, hubName, sent...)
	return nil
}

// chunkAll cuts and hashes as clients and servers must.
func chunkAll(data []byte) error {
	c := xet.NewChunker(bytes.NewReader(data))
	for {
		chunk, err := c.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		xet.ChunkHash(chunk)
	}
}
