package lfsapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// plan is an upload in parts as a client reads it from the batch answer.
type plan struct {
	size     int
	keys     []string // in the order of their text, as git-lfs's agent takes them
	parts    []string
	complete string
	verify   lfs.Action
}

type sentPart struct {
	Number int    `json:"partNumber"`
	ETag   string `json:"etag"`
}

func planOf(t testing.TB, o lfs.Object) (p plan) {
	t.Helper()
	up := o.Actions["upload"]
	p.complete, p.verify = up.Href, o.Actions["verify"]
	var err error
	if p.size, err = strconv.Atoi(up.Header["chunk_size"]); err != nil {
		t.Fatalf("chunk_size: %+v", up.Header)
	}
	for key := range up.Header {
		if key != "chunk_size" {
			p.keys = append(p.keys, key)
		}
	}
	slices.Sort(p.keys)
	for i, key := range p.keys {
		if !regexp.MustCompile(`^\d{5}$`).MatchString(key) || strings.TrimLeft(key, "0") != strconv.Itoa(i+1) {
			t.Fatalf("a header that clients take for a part: %q", key)
		}
		p.parts = append(p.parts, up.Header[key])
	}
	return p
}

func (h *house) sendPart(p plan, i int, data []byte) sentPart {
	h.T.Helper()
	a := h.Do("PUT", p.parts[i], "", data[i*p.size:min((i+1)*p.size, len(data))])
	a.Want(h.T, 200)
	return sentPart{i + 1, a.Header.Get("ETag")}
}

func (h *house) finish(p plan, oid string, parts ...sentPart) Answer {
	h.T.Helper()
	body, _ := json.Marshal(map[string]any{"oid": oid, "parts": parts})
	return h.Do("POST", p.complete, "", body, "Content-Type", "application/json")
}

func TestMultipart(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data, small := xetstoretest.Mixed(51, 2*PartSize+77), xetstoretest.Mixed(52, 1000)
		if b := h.batch("alice/secret", h.alice.Token, "upload", `"multipart","basic"`, pointer(small)); b.Transfer != "basic" {
			t.Errorf("for an object shorter than a part: %s", b.Transfer)
		}
		if b := h.batch("alice/secret", h.alice.Token, "upload", `"basic"`, pointer(data)); b.Transfer != "basic" || b.Objects[0].Actions["upload"].Header != nil {
			t.Errorf("for a client that does not know it: %+v", b)
		}
		b := h.batch("alice/secret", h.alice.Token, "upload", `"lfs-standalone-file","multipart","basic"`, pointer(data), pointer(small), pointer(nil))
		if b.Transfer != "multipart" {
			t.Fatalf("transfer %s", b.Transfer)
		}
		for i, body := range [][]byte{data, small, {}} {
			p := planOf(t, b.Objects[i])
			if n := (len(body) + PartSize - 1) / PartSize; len(p.parts) != n || p.size != PartSize {
				t.Fatalf("%d bytes in %d parts of %d", len(body), len(p.parts), p.size)
			}
			sent := make([]sentPart, len(p.parts))
			var wg sync.WaitGroup
			for i := range p.parts {
				wg.Go(func() { sent[i] = h.sendPart(p, i, body) })
			}
			wg.Wait()
			h.finish(p, pointer(body).OID, sent...).Want(t, 200)
			h.finish(p, pointer(body).OID, sent...).Want(t, 200) // the first answer was lost
			object, _ := json.Marshal(pointer(body))
			h.Do("POST", p.verify.Href, h.alice.Token, object).Want(t, 200)
			got := h.batch("alice/secret", h.alice.Token, "download", `"basic","multipart"`, pointer(body))
			if got.Transfer != "basic" {
				t.Errorf("download by %s", got.Transfer)
			}
			Equal(t, h.Do("GET", got.Objects[0].Actions["download"].Href, "", nil).Want(t, 200).Bytes, body)
		}
		if n := d.Count(t, "xet_part"); n != 0 {
			t.Errorf("%d parts are left", n)
		}
	})
}

// The parts of huge objects and huge batches are longer, so that answers stay short.
func TestMultipartAnswerIsBounded(t *testing.T) {
	h := furnish(Sqlite(t))
	var many []lfs.Pointer
	for i := range lfs.MaxObjects {
		many = append(many, lfs.Pointer{OID: fmt.Sprintf("%064x", i), Size: MaxObject - int64(i)})
	}
	parts := 0
	for _, o := range h.batch("alice/secret", h.alice.Token, "upload", `"multipart"`, many...).Objects {
		p := planOf(t, o)
		parts += len(p.parts)
		if n := (o.Size + int64(p.size) - 1) / int64(p.size); int(n) != len(p.parts) {
			t.Fatalf("%d bytes in %d parts of %d", o.Size, len(p.parts), p.size)
		}
	}
	if parts > 10_000 {
		t.Errorf("%d addresses in one answer", parts)
	}
}

// What an address of a part allows is one part of one object for one user, for a day.
func TestPartAddresses(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(53, PartSize+100)
		p := planOf(t, h.batch("alice/secret", h.alice.Token, "upload", `"multipart"`, pointer(data)).Objects[0])
		other := planOf(t, h.batch("alice/secret", h.alice.Token, "upload", `"multipart"`, pointer(xetstoretest.Mixed(54, PartSize+100))).Objects[0])
		for name, change := range map[string]func(u *url.URL, q url.Values){
			"signature": func(_ *url.URL, q url.Values) { q.Set("s", "AAAA") },
			"expiry":    func(_ *url.URL, q url.Values) { q.Set("e", "99999999999") },
			"repo":      func(_ *url.URL, q url.Values) { q.Set("repo", findRepo(t, d, "den")) },
			"user":      func(_ *url.URL, q url.Values) { q.Set("user", h.mallory.ID) },
			"chunk":     func(_ *url.URL, q url.Values) { q.Set("chunk", "5") },
			"upload":    func(_ *url.URL, q url.Values) { q.Set("upload", strings.Repeat("a", 24)) },
			"no upload": func(_ *url.URL, q url.Values) { q.Del("upload") },
			"size":      func(_ *url.URL, q url.Values) { q.Set("size", "7") },
			"number":    func(u *url.URL, _ url.Values) { u.Path = strings.Replace(u.Path, "/1", "/2", 1) },
			"zero":      func(u *url.URL, _ url.Values) { u.Path = strings.TrimSuffix(u.Path, "1") + "0" },
		} {
			u, _ := url.Parse(p.parts[0])
			q := u.Query()
			change(u, q)
			u.RawQuery = q.Encode()
			if u.String() == p.parts[0] {
				t.Fatalf("%s changed nothing", name)
			}
			if a := h.Do("PUT", u.String(), "", data[:PartSize]); a.StatusCode != 403 {
				t.Errorf("%s: %d", name, a.StatusCode)
			}
		}
		h.Do("PUT", strings.Replace(p.parts[0], "/lfs/part/", "/lfs/upload/", 1), "", data).Want(t, 404)
		h.Do("PUT", strings.Replace(p.complete, "/lfs/complete/", "/lfs/upload/", 1), "", data).Want(t, 403)
		one, two := h.sendPart(p, 0, data), h.sendPart(p, 1, data)
		if a := h.finish(other, "", one, two); a.StatusCode != 400 {
			t.Errorf("another upload's parts: %d", a.StatusCode)
		}
		if a := h.finish(p, pointer(nil).OID, one, two); a.StatusCode != 400 {
			t.Errorf("another object's name: %d", a.StatusCode)
		}
		d.Exec("UPDATE token SET revoked_at = 1 WHERE user_id = ?", h.alice.ID)
		d.Later(time.Second)
		h.Do("PUT", p.parts[0], "", data[:PartSize]).Want(t, 401)
		h.finish(p, "", one, two).Want(t, 401)
		d.Exec("UPDATE token SET revoked_at = NULL WHERE user_id = ?", h.alice.ID)
		d.Later(23 * time.Hour)
		h.finish(p, "", one, two).Want(t, 200)
		d.Later(time.Hour)
		h.Do("PUT", p.parts[0], "", data[:PartSize]).Want(t, 403)
		h.finish(p, "", one, two).Want(t, 403)
		h.Do(http.MethodGet, p.parts[0], "", nil).Want(t, 405)
	})
}

// S7: parts that are missing, doubled, swapped, short, long, of other bytes or of another object store nothing.
func TestMultipartLiesStoreNothing(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(55, 2*PartSize+PartSize/2)
		p := planOf(t, h.batch("alice/secret", h.alice.Token, "upload", `"multipart"`, pointer(data)).Objects[0])
		one, three := h.sendPart(p, 0, data), h.sendPart(p, 2, data)
		refuse := func(what string, parts ...sentPart) {
			t.Helper()
			if a := h.finish(p, "", parts...); a.StatusCode != 400 {
				t.Errorf("%s: %d", what, a.StatusCode)
			}
		}
		refuse("missing", one, three)
		refuse("named but missing", one, sentPart{2, one.ETag}, three)
		for what, body := range map[string][]byte{"short": data[:PartSize-1], "long": data[:PartSize+1], "empty": {}} {
			if a := h.Do("PUT", p.parts[1], "", body); a.StatusCode != 400 {
				t.Errorf("%s part: %d", what, a.StatusCode)
			}
			if a := h.Send("PUT", p.parts[1], "", struct{ *bytes.Reader }{bytes.NewReader(body)}); a.StatusCode != 400 {
				t.Errorf("%s part without a length: %d", what, a.StatusCode)
			}
		}
		false2 := sentPart{2, h.Do("PUT", p.parts[1], "", data[:PartSize]).Want(t, 200).Header.Get("ETag")}
		refuse("the first part twice", one, false2, three)
		refuse("doubled", one, one, false2, three)
		two := h.sendPart(p, 1, data)
		refuse("swapped", sentPart{1, two.ETag}, sentPart{2, one.ETag}, three)
		refuse("replaced", one, false2, three)
		for _, body := range []string{"", "{}", "[]", "null", `{"parts":[{"partNumber":99999999999999999999,"etag":"x"}]}`, `{"parts":{}}`, `{"oid":5}`} {
			if a := h.Do("POST", p.complete, "", []byte(body), "Content-Type", "application/json"); a.StatusCode != 400 {
				t.Errorf("%q: %d", body, a.StatusCode)
			}
		}
		if a := h.Do("POST", p.complete, "", bytes.Repeat([]byte(" "), lfs.MaxBatch+1), "Content-Type", "application/json"); a.StatusCode != 413 {
			t.Errorf("a huge completion: %d", a.StatusCode)
		}
		object, _ := json.Marshal(pointer(data))
		h.Do("POST", p.verify.Href, h.alice.Token, object).Want(t, 404)
		if n := d.Count(t, "xet_file"); n != 0 {
			t.Errorf("%d files", n)
		}
		// A wrong upload of the same object at the same time does not touch the right one.
		liar := planOf(t, h.batch("alice/secret", h.alice.Token, "upload", `"multipart"`, pointer(data)).Objects[0])
		lie := bytes.Clone(data)
		lie[len(lie)-1]++
		l := []sentPart{h.sendPart(liar, 0, lie), h.sendPart(liar, 1, lie), h.sendPart(liar, 2, lie)}
		if a := h.finish(liar, "", l...); a.StatusCode != 400 {
			t.Errorf("another object: %d", a.StatusCode)
		}
		h.finish(p, "", three, one, two).Want(t, 200)
		if a := h.finish(liar, "", l...); a.StatusCode != 200 {
			t.Errorf("an upload of what is there by now: %d", a.StatusCode)
		}
		got := h.batch("alice/secret", h.alice.Token, "download", `"basic"`, pointer(data)).Objects[0]
		Equal(t, h.Do("GET", got.Actions["download"].Href, "", nil).Want(t, 200).Bytes, data)
	})
}
