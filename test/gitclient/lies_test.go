package gitclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// S7: bytes that are not what was announced, and objects that nobody sent, become no object on any route; what is stored hashes
// to its name, and only that counts as used.
func TestLFSLiesStoreNothing(t *testing.T) {
	eachInParts(t, func(t *testing.T, d *doors) {
		alice := d.User("alice")
		const repo = "alice/m"
		d.CreateRepo(alice, hub.Model, repo, true)
		k := &liar{d, alice, repo, xetstoretest.Mixed(90, 2*partSize+5)}
		k.oddNames()
		k.verifyBefore()
		k.neverUploaded()
		k.wrongBytes()
		k.wrongParts()
		if _, _, o := d.ask(alice, repo, "download", "basic", shaOf(k.data), int64(len(k.data))); o.Error == nil {
			t.Errorf("a lie became an object: %+v", o)
		}
		if a := k.commit(alice, repo, "file", dict{"path": "README.md", "content": "YQ==", "encoding": "base64"}); a.Status != 200 {
			t.Fatalf("commit: %d %s", a.Status, a.Body)
		}
		k.awaitUsed(1, packsTake)
		k.manyAtOnce()
		k.awaitUsed(int64(len(k.data)), int64(len(k.data))+packsTake)
	})
}

type liar struct {
	*doors
	who  testhub.Caller
	repo string
	data []byte
}

// packsTake bounds what the packs of the few commits here take.
const packsTake = 64 << 10

// awaitUsed waits until what counts as used storage, which is found out after a commit, is within bounds.
func (k *liar) awaitUsed(least, most int64) {
	k.t.Helper()
	var out struct{ UsedStorage int64 }
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		k.JSON(k.who, "GET", "/api/models/"+k.repo+"?expand=usedStorage", nil, &out)
		if least <= out.UsedStorage && out.UsedStorage <= most {
			return
		}
	}
	k.t.Errorf("%d bytes are counted as used, not %d to %d", out.UsedStorage, least, most)
}

// oddNames are ids and sizes that no object has.
func (k *liar) oddNames() {
	good := shaOf(k.data)
	for name, raw := range map[string]string{
		"size -1":    fmt.Sprintf(`{"oid":%q,"size":-1}`, good),
		"size 2^63":  fmt.Sprintf(`{"oid":%q,"size":9223372036854775808}`, good),
		"size 2^53":  fmt.Sprintf(`{"oid":%q,"size":9007199254740993}`, good),
		"size 1e300": fmt.Sprintf(`{"oid":%q,"size":1e300}`, good),
		"size text":  fmt.Sprintf(`{"oid":%q,"size":"5"}`, good),
		"upper case": fmt.Sprintf(`{"oid":%q,"size":5}`, strings.ToUpper(good)),
		"short":      fmt.Sprintf(`{"oid":%q,"size":5}`, good[1:]),
		"long":       fmt.Sprintf(`{"oid":%q,"size":5}`, good+"0"),
		"../":        fmt.Sprintf(`{"oid":%q,"size":5}`, "../"+good[3:]),
		"empty":      `{"oid":"","size":5}`,
		"no object":  `{}`,
	} {
		for _, transfers := range []string{`"basic"`, `"multipart"`, `"xet"`} {
			body := fmt.Sprintf(`{"operation":"upload","transfers":[%s],"objects":[%s]}`, transfers, raw)
			a := k.Do(k.who, "POST", "/"+k.repo+".git/info/lfs/objects/batch", body, "Content-Type", "application/vnd.git-lfs+json")
			var out struct{ Objects []lfsObject }
			if a.Status == 200 && (json.Unmarshal(a.Body, &out) != nil || len(out.Objects) != 1 || out.Objects[0].Error == nil || out.Objects[0].Actions != nil) || a.Status >= 500 {
				k.t.Errorf("batch, %s by %s: %d %s", name, transfers, a.Status, a.Body)
			}
		}
		a := k.Do(k.who, "POST", "/"+k.repo+".git/info/lfs/objects/verify", raw, "Content-Type", "application/vnd.git-lfs+json")
		if a.Status < 400 || a.Status >= 500 {
			k.t.Errorf("verify, %s: %d", name, a.Status)
		}
		line := fmt.Sprintf(`{"key":"header","value":{"summary":"s"}}`+"\n"+`{"key":"lfsFile","value":{"path":"x","algo":"sha256",%s}`+"\n", strings.TrimPrefix(raw, "{"))
		a = k.Do(k.who, "POST", "/api/models/"+k.repo+"/commit/main", line, "Content-Type", "application/x-ndjson")
		if a.Status < 400 || a.Status >= 500 {
			k.t.Errorf("commit, %s: %d", name, a.Status)
		}
	}
}

func (k *liar) refused(what string, a testhub.Answer) {
	k.t.Helper()
	if a.Status < 400 || a.Status >= 500 {
		k.t.Errorf("%s: %d %.200s", what, a.Status, a.Body)
	}
}

func (k *liar) verifyBefore() {
	k.refused("verify before the upload", k.Do(k.who, "POST", "/"+k.repo+".git/info/lfs/objects/verify", dict{"oid": shaOf(k.data), "size": len(k.data)}))
}

func (k *liar) neverUploaded() {
	k.refused("lfsFile never uploaded", k.commit(k.who, k.repo, "lfsFile", dict{"path": "x.bin", "algo": "sha256", "oid": shaOf(k.data), "size": len(k.data)}))
	u := as(k.t, k.Hub, k.who)
	dir := u.clone(k.repo)
	u.write(dir, "x.bin", pointerText(shaOf(k.data), len(k.data)))
	u.git(dir, "add", "x.bin")
	u.git(dir, "commit", "-q", "-m", "a pointer to nothing")
	u.refused(dir, []string{"-c", "core.hooksPath=/dev/null", "push", "origin", "HEAD:main"}, "has not been uploaded")
}

// bodies are what may come instead of the data.
func (k *liar) bodies() map[string][]byte {
	wrong := bytes.Clone(k.data)
	wrong[len(wrong)/2]++
	return map[string][]byte{"wrong": wrong, "short": k.data[:len(k.data)-1], "long": append(bytes.Clone(k.data), 0), "empty": {}}
}

func (k *liar) wrongBytes() {
	_, _, o := k.ask(k.who, k.repo, "upload", "basic", shaOf(k.data), int64(len(k.data)))
	href := o.Actions["upload"].Href
	for name, body := range k.bodies() {
		k.refused(name+" body", k.put(href, body))
		a := k.Do(testhub.Caller{}, "PUT", k.at(href), struct{ io.Reader }{bytes.NewReader(body)}) // no Content-Length
		k.refused(name+" body without a length", a)
	}
	_, _, o = k.ask(k.who, k.repo, "upload", "basic", shaOf(k.data), 0)
	k.refused("size 0 for what has bytes", k.put(o.Actions["upload"].Href, nil))
	k.refused("size 0, and bytes", k.put(o.Actions["upload"].Href, k.data))
}

func (k *liar) wrongParts() {
	_, _, o := k.ask(k.who, k.repo, "upload", "multipart", shaOf(k.data), int64(len(k.data)))
	up := o.Actions["upload"]
	parts := k.putParts(up, partSize, k.data)
	k.refused("a missing part", k.complete(up, shaOf(k.data), parts[:2]))
	k.refused("a doubled part", k.complete(up, shaOf(k.data), []dict{parts[0], parts[1], parts[1]}))
	swapped := []dict{{"partNumber": 1, "etag": parts[1]["etag"]}, {"partNumber": 2, "etag": parts[0]["etag"]}, parts[2]}
	k.refused("swapped parts", k.complete(up, shaOf(k.data), swapped))
	k.refused("an ETag that was never given", k.complete(up, shaOf(k.data), []dict{parts[0], parts[1], {"partNumber": 3, "etag": `"abc"`}}))
	// The same numbers, but the bytes of the first two the other way round.
	turned := slicesOf(k.data, partSize)
	turned[0], turned[1] = turned[1], turned[0]
	k.refused("parts sent in each other's place", k.complete(up, shaOf(k.data), k.putParts(up, partSize, bytes.Join(turned, nil))))
}

func slicesOf(data []byte, size int) (out [][]byte) {
	for len(data) > 0 {
		n := min(size, len(data))
		out, data = append(out, data[:n]), data[n:]
	}
	return out
}

// manyAtOnce sends right and wrong bytes for one object at the same time, by both transfers: the right ones win.
func (k *liar) manyAtOnce() {
	_, _, o := k.ask(k.who, k.repo, "upload", "basic", shaOf(k.data), int64(len(k.data)))
	basic := o.Actions["upload"].Href
	wrong := k.bodies()["wrong"]
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			body, want := k.data, 200
			if i%2 == 0 {
				body, want = wrong, 400
			}
			if i < 4 {
				if a := k.put(basic, body); a.Status != want {
					k.t.Errorf("PUT %d: %d", i, a.Status)
				}
				return
			}
			_, _, o := k.ask(k.who, k.repo, "upload", "multipart", shaOf(k.data), int64(len(k.data)))
			if up, open := o.Actions["upload"]; open {
				a := k.complete(up, shaOf(k.data), k.putParts(up, partSize, body))
				// Of an object that has arrived meanwhile the completion is right, whatever else was sent.
				if a.Status != want && a.Status != 200 {
					k.t.Errorf("completion %d: %d %s", i, a.Status, a.Body)
				}
			}
		})
	}
	wg.Wait()
	k.commitLarge(k.who, k.repo, "x.bin", k.data)
	k.comesBack("after right and wrong at once", k.who, k.repo, "x.bin", k.data)
}
