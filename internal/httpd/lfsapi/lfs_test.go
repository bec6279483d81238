package lfsapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

type house struct {
	*Door
	alice, mallory User
}

func furnish(d *Door) *house {
	h := &house{d, d.User("alice"), d.User("mallory")}
	d.Repo(h.alice.ID, "alice", "secret", hub.Private)
	d.Repo(h.alice.ID, "alice", "open", hub.Public)
	d.Repo(h.mallory.ID, "mallory", "den", hub.Private)
	return h
}

func pointer(data []byte) lfs.Pointer {
	return lfs.Pointer{OID: SHA(sha256.Sum256(data)), Size: int64(len(data))}
}

func (h *house) ask(repo, token, operation, transfers string, objects ...lfs.Pointer) Answer {
	h.T.Helper()
	list, _ := json.Marshal(objects)
	body := fmt.Sprintf(`{"operation":%q,"transfers":[%s],"objects":%s,"hash_algo":"sha_256","ref":{"name":"refs/heads/main"}}`, operation, transfers, list)
	return h.Do("POST", "/"+repo+".git/info/lfs/objects/batch", token, []byte(body), "Content-Type", lfs.MediaType)
}

func (h *house) batch(repo, token, operation, transfers string, objects ...lfs.Pointer) lfs.Answer {
	h.T.Helper()
	a := h.ask(repo, token, operation, transfers, objects...).Want(h.T, 200)
	if a.Header.Get("Content-Type") != lfs.MediaType {
		h.T.Errorf("content type %s", a.Header.Get("Content-Type"))
	}
	var out lfs.Answer
	a.JSON(h.T, &out)
	return out
}

// put uploads by the basic transfer.
func (h *house) put(repo, token string, data []byte) {
	h.T.Helper()
	p := pointer(data)
	b := h.batch(repo, token, "upload", `"basic"`, p)
	up := b.Objects[0].Actions["upload"]
	if b.Transfer != "basic" || up.Href == "" {
		h.T.Fatalf("batch: %+v", b)
	}
	h.Do("PUT", up.Href, "", data).Want(h.T, 200)
	body, _ := json.Marshal(p)
	h.Do("POST", b.Objects[0].Actions["verify"].Href, token, body).Want(h.T, 200)
}

func TestBasic(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(1, 2<<20)
		h.put("alice/secret", h.alice.Token, data)
		if b := h.batch("alice/secret", h.alice.Token, "upload", `"basic","multipart"`, pointer(data)); b.Objects[0].Actions != nil || b.Objects[0].Error != nil {
			t.Errorf("an object that is there: %+v", b)
		}
		b := h.batch("alice/secret", h.alice.ReadToken, "download", `"basic","xet"`, pointer(data), pointer([]byte("none")))
		if b.Transfer != "basic" || b.Objects[1].Error == nil || b.Objects[1].Error.Code != 404 || b.Objects[1].Actions != nil {
			t.Errorf("download: %+v", b)
		}
		href := b.Objects[0].Actions["download"].Href
		a := h.Do("GET", href, "", nil).Want(t, 200)
		Equal(t, a.Bytes, data)
		Equal(t, h.Do("GET", href, "", nil, "Range", "bytes=1000-1999").Want(t, 206).Bytes, data[1000:2000])
		Equal(t, h.Do("GET", href, "", nil, "Range", "bytes=-5").Want(t, 206).Bytes, data[len(data)-5:])
		h.Do("GET", href, "", nil, "Range", fmt.Sprintf("bytes=%d-", len(data))).Want(t, 416)
		h.Do("GET", href, "", nil, "If-None-Match", a.Header.Get("ETag")).Want(t, 304)
		if a := h.Do("HEAD", href, "", nil).Want(t, 200); a.ContentLength != int64(len(data)) {
			t.Errorf("HEAD: %d", a.ContentLength)
		}
		h.put("alice/secret", h.alice.Token, []byte{})
		for _, path := range []string{"/alice/secret/info/lfs/objects/batch", "/alice/secret.git/info/lfs/objects/batch"} {
			body, _ := json.Marshal(lfs.Batch{Operation: "download", Objects: []lfs.Pointer{pointer(data)}})
			h.Do("POST", path, h.alice.Token, body).Want(t, 200)
		}
		h.Do("POST", "/datasets/alice/secret.git/info/lfs/objects/batch", h.alice.Token, []byte("{}")).Want(t, 404)
	})
}

func TestXetTransfer(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(2, 2<<20)
		b := h.batch("alice/secret", h.alice.Token, "upload", `"basic","multipart","xet"`, pointer(data))
		up := b.Objects[0].Actions["upload"]
		if b.Transfer != "xet" || up.Header["X-Xet-Cas-Url"] != d.URL || up.Header["X-Xet-Session-Id"] == "" || up.Header["X-Xet-Token-Expiration"] == "" {
			t.Fatalf("batch: %+v", b)
		}
		h.Do("GET", up.Href, h.alice.Token, nil).Want(t, 200) // the next token
		d.Upload(up.Header["X-Xet-Access-Token"], (&xetstoretest.Client{}).Pack(t, data))
		if b := h.batch("alice/secret", h.alice.Token, "upload", `"xet"`, pointer(data)); b.Objects[0].Actions != nil {
			t.Errorf("an object that is there: %+v", b)
		}
		b = h.batch("alice/secret", h.alice.Token, "download", `"basic"`, pointer(data))
		Equal(t, h.Do("GET", b.Objects[0].Actions["download"].Href, "", nil).Want(t, 200).Bytes, data)
	})
}

// Wrong bytes, wrong lengths and impossible ids never become objects.
func TestLies(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(3, 1<<20)
		p := pointer(data)
		href := h.batch("alice/secret", h.alice.Token, "upload", `"basic"`, p).Objects[0].Actions["upload"].Href
		wrong := bytes.Clone(data)
		wrong[5]++
		h.Do("PUT", href, "", wrong).Want(t, 400)
		h.Do("PUT", href, "", data[1:]).Want(t, 400)
		h.Do("PUT", href, "", append(bytes.Clone(data), 0)).Want(t, 400)
		h.Do("PUT", href, "", nil).Want(t, 400)
		for _, r := range []io.Reader{bytes.NewReader(wrong), bytes.NewReader(data[1:]), io.MultiReader(bytes.NewReader(data), strings.NewReader("x"))} {
			if a := h.Send("PUT", href, "", struct{ io.Reader }{r}); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("chunked: %d", a.StatusCode)
			}
		}
		body, _ := json.Marshal(p)
		h.Do("POST", "/alice/secret.git/info/lfs/objects/verify", h.alice.Token, body).Want(t, 404)
		if n := d.Count(t, "xet_file"); n != 0 {
			t.Errorf("%d files", n)
		}
		bad := []lfs.Pointer{{OID: p.OID, Size: -1}, {OID: p.OID, Size: 1<<53 + 1}, {OID: strings.ToUpper(p.OID), Size: 1}, {OID: p.OID[1:], Size: 1}, {OID: "../" + p.OID[3:], Size: 1}, {OID: p.OID, Size: MaxObject + 1}}
		for _, transfer := range []string{`"basic"`, `"xet"`} {
			for _, o := range h.batch("alice/secret", h.alice.Token, "upload", transfer, bad...).Objects {
				if o.Error == nil || o.Error.Code != 422 || o.Actions != nil {
					t.Errorf("%v: %+v", o.Pointer, o)
				}
			}
		}
		for _, raw := range []string{"", "{}", "[]", "x", `{"operation":"upload","objects":[{"oid":"a","size":9223372036854775808}]}`, `{"operation":"rob","objects":[{}]}`} {
			if a := h.Do("POST", "/alice/secret.git/info/lfs/objects/batch", h.alice.Token, []byte(raw)); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("%q: %d", raw, a.StatusCode)
			}
		}
		if a := h.ask("alice/secret", h.alice.Token, "upload", `"basic"`, make([]lfs.Pointer, lfs.MaxObjects+1)...); a.StatusCode != 413 {
			t.Errorf("too many: %d", a.StatusCode)
		}
		h.put("alice/secret", h.alice.Token, data)
		p.Size++
		for _, op := range []string{"upload", "download"} {
			if o := h.batch("alice/secret", h.alice.Token, op, `"basic"`, p).Objects[0]; o.Error == nil || o.Error.Code != 422 {
				t.Errorf("%s with another size: %+v", op, o)
			}
		}
	})
}

// A stranger who knows an object's id and size is asked to upload it as if it were unknown, and gets no bytes.
func TestStranger(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(4, 1<<20)
		h.put("alice/secret", h.alice.Token, data)
		known, unknown := pointer(data), pointer(xetstoretest.Mixed(5, 1<<20))
		for _, op := range []string{"upload", "download"} {
			a := h.batch("mallory/den", h.mallory.Token, op, `"basic"`, known).Objects[0]
			b := h.batch("mallory/den", h.mallory.Token, op, `"basic"`, unknown).Objects[0]
			if len(a.Actions) != len(b.Actions) || (a.Error == nil) != (b.Error == nil) || a.Error != nil && *a.Error != *b.Error {
				t.Errorf("%s: %+v and %+v", op, a, b)
			}
			if op == "upload" && a.Actions["upload"].Href == "" {
				t.Error("not asked to upload")
			}
		}
		x := h.batch("mallory/den", h.mallory.Token, "upload", `"xet"`, known).Objects[0]
		if x.Actions["upload"].Href == "" {
			t.Error("xet: not asked to upload")
		}
		href := h.batch("mallory/den", h.mallory.Token, "upload", `"basic"`, known).Objects[0].Actions["upload"].Href
		h.Do("PUT", href, "", make([]byte, len(data))).Want(t, 400)
		body, _ := json.Marshal(known)
		a := h.Do("POST", "/mallory/den.git/info/lfs/objects/verify", h.mallory.Token, body).Want(t, 404)
		body, _ = json.Marshal(unknown)
		if b := h.Do("POST", "/mallory/den.git/info/lfs/objects/verify", h.mallory.Token, body).Want(t, 404); errorOf(t, a) != errorOf(t, b) {
			t.Errorf("verify: %s and %s", a.Text(), b.Text())
		}
		private := h.ask("alice/secret", h.mallory.Token, "download", `"basic"`, known).Want(t, 404)
		absent := h.ask("alice/absent", h.mallory.Token, "download", `"basic"`, known).Want(t, 404)
		if errorOf(t, private) != errorOf(t, absent) {
			t.Errorf("%s and %s", private.Text(), absent.Text())
		}
		h.ask("alice/open", h.mallory.Token, "upload", `"basic"`, known).Want(t, 403)
		h.ask("alice/secret", h.alice.ReadToken, "upload", `"basic"`, known).Want(t, 403)
		h.ask("alice/open", "", "upload", `"basic"`, known).Want(t, 401)
	})
}

func errorOf(t *testing.T, a Answer) string {
	var e struct{ Message string }
	a.JSON(t, &e)
	return e.Message
}

func TestAddresses(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(6, 100_000)
		h.put("alice/secret", h.alice.Token, data)
		get := h.batch("alice/secret", h.alice.Token, "download", `"basic"`, pointer(data)).Objects[0].Actions["download"].Href
		other := pointer([]byte("other"))
		put := h.batch("alice/secret", h.alice.Token, "upload", `"basic"`, other).Objects[0].Actions["upload"].Href
		for name, change := range map[string]func(u *url.URL, q url.Values){
			"signature": func(_ *url.URL, q url.Values) { q.Set("s", "AAAA") },
			"none":      func(_ *url.URL, q url.Values) { q.Del("s") },
			"expiry":    func(_ *url.URL, q url.Values) { q.Set("e", "99999999999") },
			"repo":      func(_ *url.URL, q url.Values) { q.Set("repo", findRepo(t, d, "den")) },
			"user":      func(_ *url.URL, q url.Values) { q.Set("user", h.mallory.ID) },
			"size":      func(_ *url.URL, q url.Values) { q.Set("size", "7") },
			"object":    func(u *url.URL, _ url.Values) { u.Path = u.Path[:len(u.Path)-1] + "0" },
		} {
			for _, href := range []string{get, put} {
				u, _ := url.Parse(href)
				q := u.Query()
				change(u, q)
				u.RawQuery = q.Encode()
				method := http.MethodGet
				if href == put {
					method = http.MethodPut
				}
				if a := h.Do(method, u.String(), "", []byte("other")); a.StatusCode != 403 {
					t.Errorf("%s %s: %d", method, name, a.StatusCode)
				}
			}
		}
		h.Do("PUT", strings.Replace(get, "/lfs/download/", "/lfs/upload/", 1), "", data).Want(t, 403)
		h.Do("GET", strings.Replace(put, "/lfs/upload/", "/lfs/download/", 1), "", nil).Want(t, 403)

		d.Exec("UPDATE token SET revoked_at = 1 WHERE user_id = ?", h.alice.ID)
		d.Later(time.Second)
		h.Do("GET", get, "", nil).Want(t, 401)
		h.Do("PUT", put, "", []byte("other")).Want(t, 401)
		d.Exec("UPDATE token SET revoked_at = NULL WHERE user_id = ?", h.alice.ID)
		d.Exec("UPDATE repo SET owner_id = ? WHERE name = 'secret'", h.mallory.ID)
		d.Later(time.Second)
		h.Do("GET", get, "", nil).Want(t, 404)
		h.Do("PUT", put, "", []byte("other")).Want(t, 404)
		d.Exec("UPDATE repo SET owner_id = ? WHERE name = 'secret'", h.alice.ID)
		d.Later(15 * time.Minute)
		h.Do("GET", get, "", nil).Want(t, 403)
		h.Do("PUT", put, "", []byte("other")).Want(t, 200) // hundreds of objects may take hours
		d.Later(6 * time.Hour)
		h.Do("PUT", put, "", []byte("other")).Want(t, 403)
	})
}

func findRepo(t testing.TB, d *Door, name string) (id string) {
	if err := d.DB.Get(t.Context(), &id, "SELECT id FROM repo WHERE name = ?", name); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestConcurrentPuts(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		data := xetstoretest.Mixed(7, 2<<20)
		href := h.batch("alice/secret", h.alice.Token, "upload", `"basic"`, pointer(data)).Objects[0].Actions["upload"].Href
		wrong := bytes.Clone(data)
		wrong[0]++
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if i%2 == 0 {
					h.Do("PUT", href, "", wrong).Want(t, 400)
				} else {
					h.Do("PUT", href, "", data).Want(t, 200)
				}
			})
		}
		wg.Wait()
		b := h.batch("alice/secret", h.alice.Token, "download", `"basic"`, pointer(data))
		Equal(t, h.Do("GET", b.Objects[0].Actions["download"].Href, "", nil).Want(t, 200).Bytes, data)
	})
}
