package xetapi_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// house is alice with a private file that mallory knows every hash of.
type house struct {
	*Door
	alice, mallory     User
	data               []byte
	up, unknown        *xetstoretest.Upload
	write, read, loots string // alice's Xet tokens, and mallory's to write to a repository of her own
}

func furnish(t *testing.T, d *Door) *house {
	h := &house{Door: d, alice: d.User("alice"), mallory: d.User("mallory")}
	d.Repo(h.alice.ID, "alice", "secret", hub.Private)
	d.Repo(h.alice.ID, "alice", "second", hub.Private)
	d.Repo(h.mallory.ID, "mallory", "den", hub.Private)
	h.write = d.XetToken(h.alice.Token, "alice/secret", "write")
	h.read = d.XetToken(h.alice.ReadToken, "alice/secret", "read")
	h.loots = d.XetToken(h.mallory.Token, "mallory/den", "write")
	h.data = xetstoretest.Mixed(1, 3<<20)
	h.up = (&xetstoretest.Client{MaxRaw: 1 << 20}).Pack(t, h.data)
	h.unknown = (&xetstoretest.Client{MaxRaw: 1 << 20}).Pack(t, xetstoretest.Mixed(99, 3<<20))
	return h
}

func (h *house) file() string { return h.up.Shard.Files[0].Hash.String() }

func TestUploadAndDownload(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		size := uint64(len(h.data))
		for _, p := range []string{"/v2/reconstructions/", "/v1/reconstructions/", "/reconstructions/", "/reconstruction/"} {
			Equal(t, d.Download(h.read, p+h.file(), 0, size), h.data)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		for range 20 {
			off := rng.Uint64N(size)
			n := 1 + rng.Uint64N(min(size-off, 400_000))
			Equal(t, d.Download(h.read, "/v2/reconstructions/"+h.file(), off, n), h.data[off:off+n])
		}
		a := d.Do("HEAD", "/v1/files/"+h.file(), h.read, nil).Want(t, 200)
		if a.ContentLength != int64(size) {
			t.Errorf("HEAD file: %d", a.ContentLength)
		}
		a = d.Do("HEAD", "/v1/xorbs/default/"+h.up.Xorbs[0].Hash.String(), h.read, nil).Want(t, 200)
		if a.ContentLength != int64(len(h.up.Xorbs[0].Body)) {
			t.Errorf("HEAD xorb: %d", a.ContentLength)
		}
		again := d.Do("POST", "/v1/xorbs/default/"+h.up.Xorbs[0].Hash.String(), h.write, h.up.Xorbs[0].Body).Want(t, 200)
		if again.Text() != `{"was_inserted":false}` {
			t.Errorf("again: %s", again.Text())
		}
	})
}

func TestOldPaths(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		for i, p := range []string{"/xorbs/default/", "/xorb/default/", "/xorbs/default-merkledb/"} {
			x := h.up.Xorbs[i]
			d.Do("POST", p+x.Hash.String(), h.write, x.Body).Want(t, 200)
		}
		for _, x := range h.up.Xorbs[3:] {
			d.Do("POST", "/v1/xorbs/default/"+x.Hash.String(), h.write, x.Body).Want(t, 200)
		}
		for _, p := range []string{"POST /shards", "POST /v1/shards", "PUT /shard/default/" + h.file(), "POST /shard/default/" + h.file()} {
			method, path, _ := strings.Cut(p, " ")
			if a := d.Do(method, path, h.write, xet.AppendShard(nil, &h.up.Shard, true)).Want(t, 200); a.Text() != `{"result":1}` {
				t.Errorf("%s: %s", p, a.Text())
			}
		}
		first := xetstoretest.Chunks(t, h.data)[0]
		for _, p := range []string{"/v1/chunks/default/", "/v1/chunks/default-merkledb/", "/chunks/default/", "/chunk/default/"} {
			a := d.Do("GET", p+first.String(), h.read, nil).Want(t, 200)
			if !xetstoretest.ParseAnswer(t, a.Bytes).Holds(first) {
				t.Errorf("%s does not hold the chunk", p)
			}
			for _, c := range xetstoretest.Chunks(t, h.data) {
				if bytes.Contains(a.Bytes, c[:]) {
					t.Fatal("a chunk hash stands in the answer unhidden")
				}
			}
		}
	})
}

func TestReconstructionRanges(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		empty := (&xetstoretest.Client{}).Pack(t, []byte{})
		d.Upload(h.write, h.up)
		d.Upload(h.write, empty)
		size := len(h.data)
		for header, want := range map[string]int{
			"":                               200,
			"bytes=0-18446744073709551614":   200,
			"bytes=5-":                       200,
			"bytes=-7":                       200,
			fmt.Sprintf("bytes=%d-", size-1): 200,
			fmt.Sprintf("bytes=%d-", size):   416,
			"bytes=256000000-767999999":      416,
			"bytes=x-y":                      400,
			"bytes=5-4":                      400,
			"bytes=0-1,3-4":                  400,
			"items=0-1":                      400,
		} {
			for _, v := range []string{"v1", "v2"} {
				if a := d.Do("GET", "/"+v+"/reconstructions/"+h.file(), h.read, nil, "Range", header); a.StatusCode != want {
					t.Errorf("%s %q: %d %s", v, header, a.StatusCode, a.Bytes)
				}
			}
		}
		zero := xet.Hash{}.String()
		a := d.Do("GET", "/v2/reconstructions/"+zero, h.read, nil, "Range", "bytes=0-255").Want(t, 200)
		if !strings.Contains(a.Text(), `"terms":[]`) || !strings.Contains(a.Text(), `"xorbs":{}`) {
			t.Errorf("empty file: %s", a.Text())
		}
		one := d.Do("GET", "/v2/reconstructions/"+h.file(), h.read, nil)
		two := d.Do("GET", "/v2/reconstructions/"+h.file(), h.read, nil)
		if one.Text() != two.Text() {
			t.Error("equal questions get different answers")
		}
		d.Do("GET", "/v2/reconstructions/"+strings.Repeat("G", 64), h.read, nil).Want(t, 400)
		d.Do("GET", "/v2/reconstructions/abc", h.read, nil).Want(t, 400)
	})
}

func TestShardProgress(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Do("POST", "/v2/shards", h.write, h.up.Bytes()).Want(t, 400) // before its xorbs
		d.Xorbs(h.write, h.up)
		d.Do("POST", "/v2/shards", h.write, []byte("no shard")).Want(t, 400)
		a := d.Do("POST", "/v2/shards", h.write, h.up.Bytes()).Want(t, 200)
		if a.Header.Get("Content-Type") != "application/x-ndjson" || a.Header.Get("X-Accel-Buffering") != "no" {
			t.Errorf("headers: %v", a.Header)
		}
		if last := lines(t, a.Bytes); last["type"] != "result" {
			t.Errorf("last line: %v", last)
		}
		lie := *h.up
		lie.Shard.Files = append([]xet.File{}, h.unknown.Shard.Files...)
		d.Xorbs(h.write, h.unknown)
		lie.Shard.Xorbs = h.unknown.Shard.Xorbs
		sum := [32]byte{1}
		lie.Shard.Files[0].SHA256 = &sum
		a = d.Do("POST", "/v2/shards", h.write, lie.Bytes())
		if a.StatusCode == 200 {
			if last := lines(t, a.Bytes); last["type"] != "error" || last["retryable"] != false {
				t.Errorf("a lie: %v", last)
			}
		} else {
			a.Want(t, 400)
		}
		d.Do("GET", "/v2/reconstructions/"+h.unknown.Shard.Files[0].Hash.String(), h.read, nil).Want(t, 404)
	})
}

// lines checks that all lines are JSON and returns the last.
func lines(t *testing.T, b []byte) (last map[string]any) {
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		last = map[string]any{}
		if err := json.Unmarshal(s.Bytes(), &last); err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
	}
	return last
}

// same asks two questions and wants one answer, byte for byte: what exists elsewhere answers as what does not exist.
func (h *house) same(what string, ask func(u *xetstoretest.Upload, data []byte) Answer) {
	h.T.Helper()
	known, unknown := ask(h.up, h.data), ask(h.unknown, xetstoretest.Mixed(99, 3<<20))
	if known.StatusCode != unknown.StatusCode || known.Text() != unknown.Text() || known.Header.Get("X-Error-Message") != unknown.Header.Get("X-Error-Message") {
		h.T.Errorf("%s: %d %q for what alice has, %d %q for the unknown", what, known.StatusCode, known.Text(), unknown.StatusCode, unknown.Text())
	}
	if known.StatusCode < 400 {
		h.T.Errorf("%s: %d", what, known.StatusCode)
	}
}

func TestStranger(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		get := func(method, prefix string, of func(u *xetstoretest.Upload) xet.Hash) {
			h.same(method+" "+prefix, func(u *xetstoretest.Upload, _ []byte) Answer {
				return d.Do(method, prefix+of(u).String(), h.loots, nil)
			})
		}
		fileHash := func(u *xetstoretest.Upload) xet.Hash { return u.Shard.Files[0].Hash }
		for _, p := range []string{"/v1/reconstructions/", "/v2/reconstructions/", "/reconstructions/", "/reconstruction/"} {
			get("GET", p, fileHash)
		}
		get("HEAD", "/v1/files/", fileHash)
		get("HEAD", "/v1/xorbs/default/", func(u *xetstoretest.Upload) xet.Hash { return u.Xorbs[0].Hash })
		for i := range 5 {
			get("GET", "/v1/chunks/default/", func(u *xetstoretest.Upload) xet.Hash { return u.Shard.Xorbs[0].Chunks[i].Hash })
		}
		for _, p := range []string{"/v1/shards", "/v2/shards", "/shards"} {
			h.same("POST "+p, func(u *xetstoretest.Upload, _ []byte) Answer { return d.Do("POST", p, h.loots, u.Bytes()) })
		}
		h.same("body of another hash", func(u *xetstoretest.Upload, _ []byte) Answer {
			body := (&xetstoretest.Client{}).Pack(t, []byte("mine")).Xorbs[0].Body
			return d.Do("POST", "/v1/xorbs/default/"+u.Xorbs[0].Hash.String(), h.loots, body)
		})
		h.same("unsigned address", func(u *xetstoretest.Upload, _ []byte) Answer {
			return d.Do("GET", "/xet/data/"+u.Xorbs[0].Hash.String()+"?r=0-100&e=99999999999&s=AAAA", "", nil)
		})
		// Somebody who has the bytes learns nothing from sending them.
		x := h.up.Xorbs[0]
		if a := d.Do("POST", "/v1/xorbs/default/"+x.Hash.String(), h.loots, x.Body).Want(t, 200); a.Text() != `{"was_inserted":true}` {
			t.Errorf("was_inserted: %s", a.Text())
		}
		d.Xorbs(h.loots, h.up)
		for _, l := range bytes.Split(d.Do("POST", "/v2/shards", h.loots, h.up.Bytes()).Want(t, 200).Bytes, []byte("\n")) {
			var line struct{ Total *int }
			if json.Unmarshal(l, &line) == nil && line.Total != nil && *line.Total != len(h.data) {
				t.Errorf("only %d bytes were new to the hub", *line.Total)
			}
		}
		Equal(t, d.Download(h.loots, "/v2/reconstructions/"+h.file(), 0, uint64(len(h.data))), h.data)
	})
}

func TestTokens(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		rec := "/v2/reconstructions/" + h.file()
		d.Do("GET", rec, h.write, nil).Want(t, 200) // write includes read
		d.Do("POST", "/v1/shards", h.read, h.up.Bytes()).Want(t, 403)
		d.Do("POST", "/v1/xorbs/default/"+h.up.Xorbs[0].Hash.String(), h.read, h.up.Xorbs[0].Body).Want(t, 403)
		second := d.XetToken(h.alice.Token, "alice/second", "write")
		d.Do("GET", rec, second, nil).Want(t, 404) // a token of repo A on a file of B
		forged := []string{"", "x", "a.b", h.alice.Token, h.read + "A", "A" + h.read, strings.Replace(h.read, ".", "..", 1)}
		body, sig, _ := strings.Cut(h.write, ".")
		_, other, _ := strings.Cut(h.read, ".")
		forged = append(forged, body+"."+other, body+".", "."+sig)
		for _, token := range forged {
			d.Do("GET", rec, token, nil).Want(t, 401)
			d.Do("POST", "/v1/shards", token, h.up.Bytes()).Want(t, 401)
		}
		d.Later(15*time.Minute + time.Second)
		d.Do("GET", rec, h.read, nil).Want(t, 401)
	})
}

func TestTokenRoutes(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		base := "/api/models/alice/secret/"
		for _, rev := range []string{"main", "None", "refs%2Fpr%2F1", "refs/pr/1"} {
			for _, kind := range []string{"read", "write"} {
				d.Do("GET", base+"xet-"+kind+"-token/"+rev+"?create_pr=1", h.alice.Token, nil).Want(t, 200)
			}
		}
		if a := d.Do("GET", base+"xet-read-token/nope", h.alice.Token, nil).Want(t, 404); a.Header.Get("X-Error-Code") != "RevisionNotFound" {
			t.Errorf("unknown revision: %v", a.Header)
		}
		d.Do("GET", base+"xet-write-token/main", h.alice.ReadToken, nil).Want(t, 403)
		d.Do("GET", base+"xet-read-token/main", "", nil).Want(t, 401)
		private := d.Do("GET", base+"xet-read-token/main", h.mallory.Token, nil).Want(t, 404)
		absent := d.Do("GET", "/api/models/alice/absent/xet-read-token/main", h.mallory.Token, nil).Want(t, 404)
		if private.Text() != absent.Text() {
			t.Error("private and absent differ")
		}
	})
}

// Whatever is lost is lost within a second.
func TestLostRights(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		bob := d.User("bob")
		d.Exec("INSERT INTO orgs (id, name, created_at) VALUES ('o', 'acme', 0)")
		d.Exec("INSERT INTO org_member (org_id, user_id, role, created_at) VALUES ('o', ?, 'write', 0)", bob.ID)
		team := d.Repo("o", "acme", "model", hub.Private)
		token := d.XetToken(bob.Token, "acme/model", "write")
		up := (&xetstoretest.Client{}).Pack(t, []byte("of the team"))
		d.Upload(token, up)
		rec := "/v2/reconstructions/" + up.Shard.Files[0].Hash.String()
		d.Do("GET", rec, token, nil).Want(t, 200)
		denied := func(what string) {
			t.Helper()
			d.Later(time.Second)
			for _, a := range []Answer{d.Do("GET", rec, token, nil), d.Do("POST", "/v1/shards", token, up.Bytes())} {
				if a.StatusCode < 400 {
					t.Errorf("%s: %d", what, a.StatusCode)
				}
			}
		}
		d.Exec("UPDATE org_member SET role = 'no_access' WHERE user_id = ?", bob.ID)
		denied("lost membership")
		d.Exec("UPDATE org_member SET role = 'write' WHERE user_id = ?", bob.ID)
		d.Later(time.Second)
		d.Do("GET", rec, token, nil).Want(t, 200)
		d.Exec("UPDATE token SET revoked_at = 1 WHERE user_id = ?", bob.ID)
		denied("revoked token")
		d.Exec("UPDATE token SET revoked_at = NULL WHERE user_id = ?", bob.ID)
		d.Exec("UPDATE users SET disabled_at = 1 WHERE id = ?", bob.ID)
		denied("disabled user")
		d.Exec("UPDATE users SET disabled_at = NULL WHERE id = ?", bob.ID)
		d.Exec("DELETE FROM repo WHERE id = ?", team)
		denied("deleted repository")
	})
}

func TestPublicRead(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		id := d.Repo(h.alice.ID, "alice", "open", hub.Public)
		d.Upload(d.XetToken(h.alice.Token, "alice/open", "write"), h.up)
		token := d.XetToken("", "alice/open", "read")
		rec := "/v2/reconstructions/" + h.file()
		Equal(t, d.Download(token, rec, 0, uint64(len(h.data))), h.data)
		a := d.Do("POST", "/v1/shards", token, h.up.Bytes())
		if a.StatusCode != 401 && a.StatusCode != 403 {
			t.Errorf("an anonymous upload: %d", a.StatusCode)
		}
		d.Exec("UPDATE repo SET visibility = 'private' WHERE id = ?", id)
		d.Later(time.Second)
		if a := d.Do("GET", rec, token, nil); a.StatusCode < 400 {
			t.Errorf("made private: %d", a.StatusCode)
		}
	})
}

func TestSignedAddresses(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		var rec Reconstruction
		d.Do("GET", "/v2/reconstructions/"+h.file(), h.read, nil, "Range", "bytes=500000-900000").Want(t, 200).JSON(t, &rec)
		var f Fetch
		for _, list := range rec.Fetches() {
			if f = list[0]; f.Bytes.Start > 0 {
				break
			}
		}
		if f.Bytes.Start == 0 {
			t.Fatal("the test needs a range that does not begin with the xorb")
		}
		span := func(a, b uint64) string { return fmt.Sprintf("bytes=%d-%d", a, b) }
		whole := d.Do("GET", f.URL, "", nil).Want(t, 200)
		part := d.Do("GET", f.URL, "", nil, "Range", span(f.Bytes.Start, f.Bytes.End)).Want(t, 206)
		Equal(t, part.Bytes, whole.Bytes)
		mid := d.Do("GET", f.URL, "", nil, "Range", span(f.Bytes.Start+10, f.Bytes.Start+19)).Want(t, 206)
		Equal(t, mid.Bytes, whole.Bytes[10:20])
		if !strings.Contains(part.Header.Get("Cache-Control"), "immutable") {
			t.Error("not immutable")
		}
		if a := d.Do("HEAD", f.URL, "", nil).Want(t, 200); a.ContentLength != int64(len(whole.Bytes)) {
			t.Errorf("HEAD: %d", a.ContentLength)
		}
		multi(t, d.Do("GET", f.URL, "", nil, "Range", fmt.Sprintf("bytes=%d-%d,%d-%d", f.Bytes.Start, f.Bytes.Start+4, f.Bytes.End-4, f.Bytes.End)).Want(t, 206),
			whole.Bytes[:5], whole.Bytes[len(whole.Bytes)-5:])

		for _, r := range []string{span(0, 10), span(f.Bytes.Start-1, f.Bytes.End), span(f.Bytes.End+1, f.Bytes.End+10),
			fmt.Sprintf("bytes=0-3,%d-%d", f.Bytes.Start, f.Bytes.Start+1)} {
			d.Do("GET", f.URL, "", nil, "Range", r).Want(t, 403)
		}
		if a := d.Do("GET", f.URL, "", nil, "Range", span(f.Bytes.End, f.Bytes.End+1000)).Want(t, 206); len(a.Bytes) != 1 {
			t.Error("bytes past the signed range")
		}
		for name, change := range map[string]func(u *url.URL, q url.Values){
			"range":     func(_ *url.URL, q url.Values) { q.Set("r", "0-100") },
			"expiry":    func(_ *url.URL, q url.Values) { q.Set("e", "99999999999") },
			"signature": func(_ *url.URL, q url.Values) { q.Set("s", q.Get("s")[1:]+"A") },
			"none":      func(_ *url.URL, q url.Values) { q.Del("s") },
			"xorb":      func(u *url.URL, _ url.Values) { u.Path = "/xet/data/" + h.unknown.Xorbs[0].Hash.String() },
		} {
			u, _ := url.Parse(f.URL)
			q := u.Query()
			change(u, q)
			u.RawQuery = q.Encode()
			if a := d.Do("GET", u.String(), "", nil); a.StatusCode != 403 {
				t.Errorf("%s: %d", name, a.StatusCode)
			}
		}
		d.Later(15 * time.Minute)
		d.Do("GET", f.URL, "", nil).Want(t, 403)
	})
}

// Bytes that changed on the disk do not leave: the answer is an error where it would begin with the damaged chunk, else it is cut
// before it.
func TestDamage(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		var rec Reconstruction
		d.Do("GET", "/v2/reconstructions/"+h.file(), h.read, nil).Want(t, 200).JSON(t, &rec)
		x := h.up.Xorbs[0]
		fetch := rec.Fetches()[x.Hash.String()][0]
		name := x.Hash.String()
		key := "xorbs/" + name[:2] + "/" + name[2:4] + "/" + name
		body, err := blob.GetBytes(t.Context(), d.Blobs, key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		at := len(x.Body) / 2
		body[at] ^= 1
		_ = d.Blobs.Delete(t.Context(), key)
		if err := blob.PutBytes(t.Context(), d.Blobs, key, body); err != nil {
			t.Fatal(err)
		}
		for _, header := range []string{"", fmt.Sprintf("bytes=%d-%d", at-5, at+5), fmt.Sprintf("bytes=0-9,%d-%d", at-5, at+5)} {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", fetch.URL, nil)
			if header != "" {
				r.Header.Set("Range", header)
			}
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				continue // cut before anything was flushed
			}
			got, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if refused := err == nil && res.StatusCode == http.StatusGone; !refused && (err == nil || len(got) > at) {
				t.Errorf("%q: %d, %d bytes, %v", header, res.StatusCode, len(got), err)
			}
		}
	})
}

// A token and an address hold for as long as the operator says, and addresses are equal for a third of that.
func TestLives(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	a, err := xetapi.New(t.Context(), xetapi.Deps{
		Secret: func(context.Context, string) ([]byte, error) { return []byte("key"), nil },
		Now:    func() time.Time { return start }, TokenTTL: 5 * time.Minute, URLTTL: 3 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Mint(hub.Actor{}, "r", "", false).Expires - start.Unix(); got != 300 {
		t.Errorf("a token of %d seconds", got)
	}
	for s := range 200 {
		now := start.Unix() + int64(s)
		if end := a.Expiry(time.Unix(now, 0)); end%60 != 0 || end-now <= 120 || end-now > 180 {
			t.Errorf("at %d: an address of %d seconds", now, end-now)
		}
	}
}

func multi(t *testing.T, a Answer, want ...[]byte) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("%s %v", kind, err)
	}
	m := multipart.NewReader(bytes.NewReader(a.Bytes), params["boundary"])
	for _, w := range want {
		p, err := m.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(p)
		Equal(t, b, w)
	}
	if _, err := m.NextPart(); err != io.EOF {
		t.Error("too many parts")
	}
}

func TestBadInput(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		x := h.up.Xorbs[0]
		at := "/v1/xorbs/default/" + x.Hash.String()
		d.Do("POST", at, h.write, x.Body[:len(x.Body)-1]).Want(t, 400)
		d.Do("POST", at, h.write, nil).Want(t, 400)
		d.Do("POST", "/v1/xorbs/default/zz", h.write, x.Body).Want(t, 400)
		d.Do("POST", at, h.write, x.Body, "Content-Encoding", "gzip").Want(t, 400)
		d.Do("POST", "/v1/xorbs/default/"+h.up.Xorbs[1].Hash.String(), h.write, x.Body).Want(t, 400)
		footer := append(append([]byte{}, x.Body...), "XETBLOB\x01 and more"...)
		d.Do("POST", at, h.write, footer).Want(t, 200) // as old clients send it
		if a := d.Send("POST", at, h.write, sized{io.LimitReader(xetstoretest.Stream(1), 66<<20)}); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("endless: %d", a.StatusCode)
		}
		if a := d.Do("POST", "/v1/shards", h.write, make([]byte, 1000)).Want(t, 400); a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("error type: %v", a.Header)
		}
		d.Do("POST", "/v1/telemetry", "", []byte(`{"event":"x"}`)).Want(t, 200)
		d.Do("POST", "/v1/telemetry", "", make([]byte, 1<<20+1)).Want(t, 413)
	})
}

// sized hides that a reader has no length, so that it is sent chunked.
type sized struct{ io.Reader }

func TestConcurrentUploads(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { d.Upload(h.write, h.up) })
		}
		wg.Wait()
		Equal(t, d.Download(h.read, "/v2/reconstructions/"+h.file(), 0, uint64(len(h.data))), h.data)
	})
}

// The same file in another repository of the owner stores nothing, even for a client that remembers nothing.
func TestSameFileElsewhere(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(t, d)
		d.Upload(h.write, h.up)
		token := d.XetToken(h.alice.Token, "alice/second", "write")
		ask := func(c xet.Hash) []byte {
			if a := d.Do("GET", "/v1/chunks/default/"+c.String(), token, nil); a.StatusCode == 200 {
				return a.Bytes
			}
			return nil
		}
		up := (&xetstoretest.Client{Ask: ask}).Pack(t, h.data)
		if up.Stored() != 0 {
			t.Errorf("%d bytes were packed anew", up.Stored())
		}
		d.Upload(token, up)
		Equal(t, d.Download(token, "/v2/reconstructions/"+h.file(), 0, uint64(len(h.data))), h.data)
		f, ok, err := d.FindFile(t.Context(), findRepo(t, d, "second"), sha256.Sum256(h.data))
		if err != nil || !ok || f.Size != int64(len(h.data)) {
			t.Errorf("FindFile: %v %v", ok, err)
		}
	})
}

func findRepo(t *testing.T, d *Door, name string) (id string) {
	if err := d.DB.Get(t.Context(), &id, "SELECT id FROM repo WHERE name = ?", name); err != nil {
		t.Fatal(err)
	}
	return id
}
