package xetapi_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// BenchmarkDownload compares the doors to a file's bytes with the standard library's server of a flat file, all over TCP
// and all in this process, as is the client: the ratio between rows counts, not the rate. The page cache is warm.
func BenchmarkDownload(b *testing.B) {
	const size = 256 << 20
	data := xetstoretest.Random(1, size)
	d := Bench(b, xetstoretest.New(b, dbtest.New(b, db.SQLite), blobtest.FS(b)))
	h := furnishBench(b, d, data)
	doors := map[string]source{"flat": flatFile(b, data), "lfs": h.lfs, "xorb": h.xorb, "writeto": h.plain}
	for _, load := range []struct {
		name           string
		clients, reads int
		n              int64
	}{{"one stream", 1, 1, size}, {"8 x 8 MiB", 8, 32, 8 << 20}, {"32 x 64 KiB", 32, 4096, 64 << 10}} {
		for _, name := range []string{"flat", "writeto", "lfs", "xorb"} {
			b.Run(load.name+"/"+name, func(b *testing.B) {
				door := doors[name]
				from, got := processTime(), int64(0)
				for range b.N {
					got += fetchAll(b, door, load.clients, load.reads, load.n)
				}
				b.ReportMetric((processTime()-from).Seconds()/float64(got)*(1<<30), "cpu-s/GiB")
				b.ReportMetric(float64(got)/(1<<20)/b.Elapsed().Seconds(), "MiB/s")
				b.ReportMetric(float64(b.N*load.reads)/b.Elapsed().Seconds(), "reads/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// source says where a range of about n bytes is to be had.
type source func(rng *rand.Rand, n int64) (url, header string)

func fetchAll(b *testing.B, door source, clients, reads int, n int64) int64 {
	tr := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	defer tr.CloseIdleConnections()
	var wg sync.WaitGroup
	var total atomic.Int64
	for c := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			buf := make([]byte, 256<<10)
			for range reads / clients {
				url, header := door(rng, n)
				r, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
				if header != "" {
					r.Header.Set("Range", header)
				}
				res, err := tr.RoundTrip(r)
				if err != nil {
					b.Error(err)
					return
				}
				got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{res.Body}, buf)
				_ = res.Body.Close()
				total.Add(got)
				if err != nil || res.StatusCode >= 300 {
					b.Error(res.Status, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return total.Load()
}

func ranges(url string, size int64) source {
	return func(rng *rand.Rand, n int64) (string, string) {
		if n == size {
			return url, ""
		}
		off := rng.Int64N(size - n)
		return url, fmt.Sprintf("bytes=%d-%d", off, off+n-1)
	}
}

func flatFile(b *testing.B, data []byte) source {
	path := filepath.Join(b.TempDir(), "flat")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			b.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, f)
	}))
	b.Cleanup(s.Close)
	return ranges(s.URL, int64(len(data)))
}

type benchHouse struct{ plain, lfs, xorb source }

// furnishBench uploads the file and finds the addresses of its bytes.
func furnishBench(b *testing.B, d *Door, data []byte) (h benchHouse) {
	alice, size := d.User("alice"), int64(len(data))
	id := d.Repo(alice.ID, "alice", "open", hub.Public)
	up := (&xetstoretest.Client{}).Pack(b, data)
	token := d.XetToken(alice.Token, "alice/open", "write")
	d.Upload(token, up)
	sum := sha256.Sum256(data)

	body := fmt.Sprintf(`{"operation":"download","objects":[{"oid":"%x","size":%d}]}`, sum, size)
	var batch lfs.Answer
	if err := json.Unmarshal(d.Do("POST", "/alice/open.git/info/lfs/objects/batch", alice.Token, []byte(body), "Content-Type", lfs.MediaType).Want(b, 200).Bytes, &batch); err != nil {
		b.Fatal(err)
	}
	h.lfs = ranges(batch.Objects[0].Actions["download"].Href, size)

	f, _, err := d.FindFile(b.Context(), id, sum)
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		off, n := int64(0), f.Size
		if from, to, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-"); ok {
			off, _ = strconv.ParseInt(from, 10, 64)
			end, _ := strconv.ParseInt(to, 10, 64)
			n = end + 1 - off
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		if err := d.WriteTo(r.Context(), w, f, off, n); err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(s.Close)
	h.plain = ranges(s.URL, size)
	h.xorb = xorbRanges(b, d, token, up.Shard.Files[0].Hash.String(), size)
	return h
}

// xorbRanges asks for addresses first, as clients do, so that the ranges lie on bounds of chunks.
func xorbRanges(b *testing.B, d *Door, token, file string, size int64) source {
	pool := map[int64][]string{}
	for n, count := range map[int64]int{size: 1, 8 << 20: 64, 64 << 10: 512} {
		for i := range count {
			var rec Reconstruction
			off := int64(0)
			if count > 1 {
				off = (size - n) / int64(count) * int64(i)
			}
			d.Do("GET", "/v2/reconstructions/"+file, token, nil, "Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1)).Want(b, 200).JSON(b, &rec)
			var most Fetch // a stream is one xorb of 64 MiB
			for _, list := range rec.Fetches() {
				if f := list[0]; f.Bytes.End-f.Bytes.Start >= most.Bytes.End-most.Bytes.Start {
					most = f
				}
			}
			pool[n] = append(pool[n], most.URL)
		}
	}
	return func(rng *rand.Rand, n int64) (string, string) { return pool[n][rng.IntN(len(pool[n]))], "" }
}
