package xetapitest

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// XetToken asks for a token as a client does.
func (d *Door) XetToken(token, repo, kind string) string {
	d.T.Helper()
	var t struct {
		AccessToken string
		Exp         int64
		CasURL      string `json:"casUrl"`
	}
	a := d.Do("GET", "/api/models/"+repo+"/xet-"+kind+"-token/main", token, nil).Want(d.T, http.StatusOK)
	a.JSON(d.T, &t)
	h := a.Header
	if t.CasURL != d.URL || h.Get("X-Xet-Cas-Url") != t.CasURL || h.Get("X-Xet-Access-Token") != t.AccessToken || h.Get("X-Xet-Token-Expiration") != fmt.Sprint(t.Exp) {
		d.T.Fatalf("token: %s and %v", a.Bytes, h)
	}
	return t.AccessToken
}

// Xorbs uploads the xorbs of an upload.
func (d *Door) Xorbs(token string, u *xetstoretest.Upload) {
	d.T.Helper()
	for _, x := range u.Xorbs {
		d.Do("POST", "/v1/xorbs/default/"+x.Hash.String(), token, x.Body).Want(d.T, http.StatusOK)
	}
}

// Upload sends xorbs and shard.
func (d *Door) Upload(token string, u *xetstoretest.Upload) {
	d.T.Helper()
	d.Xorbs(token, u)
	d.Do("POST", "/v1/shards", token, u.Bytes()).Want(d.T, http.StatusOK)
}

// Reconstruction is both versions of the answer.
type Reconstruction struct {
	Offset uint64 `json:"offset_into_first_range"`
	Terms  []struct {
		Hash           string
		UnpackedLength uint32 `json:"unpacked_length"`
		Range          Range
	}
	FetchInfo map[string][]struct {
		Range    Range
		URL      string
		URLRange Range `json:"url_range"`
	} `json:"fetch_info"`
	Xorbs map[string][]struct {
		URL    string
		Ranges []struct{ Chunks, Bytes Range }
	}
}

// Range is a range of chunks (exclusive) or bytes (inclusive).
type Range struct{ Start, End uint64 }

// Fetch is one range to fetch.
type Fetch struct {
	URL           string
	Chunks, Bytes Range
}

// Fetches lists what to fetch, by xorb.
func (r *Reconstruction) Fetches() map[string][]Fetch {
	out := map[string][]Fetch{}
	for x, list := range r.FetchInfo {
		for _, f := range list {
			out[x] = append(out[x], Fetch{f.URL, f.Range, f.URLRange})
		}
	}
	for x, list := range r.Xorbs {
		for _, f := range list {
			for _, g := range f.Ranges {
				out[x] = append(out[x], Fetch{f.URL, g.Chunks, g.Bytes})
			}
		}
	}
	return out
}

// Download fetches n bytes from off of a file by its chunks, as a client does, and checks what clients rely on.
func (d *Door) Download(token, path string, off, n uint64) []byte {
	d.T.Helper()
	var rec Reconstruction
	d.Do("GET", path, token, nil, "Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1)).Want(d.T, http.StatusOK).JSON(d.T, &rec)
	chunks := map[string]map[uint64][]byte{}
	seen := map[string]bool{}
	for x, list := range rec.Fetches() {
		chunks[x] = map[uint64][]byte{}
		for _, f := range list {
			if seen[f.URL] {
				d.T.Fatalf("two ranges have the address %s", f.URL)
			}
			seen[f.URL] = true
			d.fetch(f, chunks[x])
		}
	}
	var out []byte
	for _, t := range rec.Terms {
		before := len(out)
		for i := t.Range.Start; i < t.Range.End; i++ {
			c, ok := chunks[t.Hash][i]
			if !ok {
				d.T.Fatalf("chunk %d of %s is in no range", i, t.Hash)
			}
			out = append(out, c...)
		}
		if uint32(len(out)-before) != t.UnpackedLength {
			d.T.Fatal("a term is not as long as it says")
		}
	}
	if uint64(len(out)) < rec.Offset+n {
		d.T.Fatalf("%d bytes, want %d from %d", len(out), n, rec.Offset)
	}
	return out[rec.Offset : rec.Offset+n]
}

func (d *Door) fetch(f Fetch, into map[uint64][]byte) {
	d.T.Helper()
	a := d.Do("GET", f.URL, "", nil, "Range", fmt.Sprintf("bytes=%d-%d", f.Bytes.Start, f.Bytes.End)).Want(d.T, http.StatusPartialContent)
	b := a.Bytes
	for i := f.Chunks.Start; i < f.Chunks.End; i++ {
		raw, n, err := xet.DecodeChunk(nil, b)
		if err != nil {
			d.T.Fatal(err)
		}
		into[i] = raw
		b = b[n:]
	}
	if len(b) != 0 {
		d.T.Fatalf("%d bytes after the last chunk", len(b))
	}
}

// SHA makes a hub.SHA256 printable in paths.
func SHA(sum [32]byte) string { return hub.SHA256(sum).String() }

// Equal fails the test unless both are the same bytes.
func Equal(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes differ from the %d wanted", len(got), len(want))
	}
}
