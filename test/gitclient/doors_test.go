package gitclient

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// partSize is that of the hubs below, so that small files go in parts.
const partSize = 1 << 20

// eachInParts is testhub.Each on hubs with short parts.
func eachInParts(t *testing.T, f func(t *testing.T, d *doors)) {
	t.Helper()
	short := func(c *config.Config) { c.LFS.PartSize = partSize }
	t.Run("sqlite+folder", func(t *testing.T) { f(t, openDoors(t, testhub.New(t, short))) })
	t.Run("postgres+s3", func(t *testing.T) { f(t, openDoors(t, testhub.NewScaled(t, short))) })
}

// doors is a hub seen by a client of each of its protocols for large files.
type doors struct {
	*testhub.Hub
	t   *testing.T
	xet *xetapitest.Door
}

func openDoors(t *testing.T, h *testhub.Hub) *doors {
	return &doors{h, t, &xetapitest.Door{T: t, URL: h.URL}}
}

type action struct {
	Href   string
	Header map[string]string
}

type lfsObject struct {
	OID     string
	Size    int64
	Actions map[string]action
	Error   *struct {
		Code    int
		Message string
	}
}

type dict = map[string]any

func shaOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// ask sends a batch request about one object.
func (d *doors) ask(c testhub.Caller, repo, operation, transfers, oid string, size int64) (status int, transfer string, o lfsObject) {
	d.t.Helper()
	a := d.Do(c, "POST", "/"+repo+".git/info/lfs/objects/batch", dict{"operation": operation, "transfers": strings.Split(transfers, " "),
		"objects": []dict{{"oid": oid, "size": size}}, "hash_algo": "sha256"}, "Content-Type", "application/vnd.git-lfs+json")
	var out struct {
		Transfer string
		Objects  []lfsObject
	}
	if json.Unmarshal(a.Body, &out) != nil || a.Status == 200 && len(out.Objects) != 1 {
		d.t.Fatalf("batch: %d %s", a.Status, a.Body)
	}
	if len(out.Objects) == 1 {
		o = out.Objects[0]
	}
	return a.Status, out.Transfer, o
}

func (d *doors) at(href string) string { return strings.TrimPrefix(href, d.URL) }

// put sends bytes to a signed address.
func (d *doors) put(href string, data []byte) testhub.Answer {
	d.t.Helper()
	return d.Do(testhub.Caller{}, "PUT", d.at(href), data, "Content-Type", "application/octet-stream")
}

func (d *doors) uploadBasic(c testhub.Caller, repo string, data []byte) {
	d.t.Helper()
	_, transfer, o := d.ask(c, repo, "upload", "basic", shaOf(data), int64(len(data)))
	if a := d.put(o.Actions["upload"].Href, data); transfer != "basic" || a.Status != 200 {
		d.t.Fatalf("%s: %d %s", transfer, a.Status, a.Body)
	}
}

func (d *doors) uploadParts(c testhub.Caller, repo string, data []byte) {
	d.t.Helper()
	_, transfer, o := d.ask(c, repo, "upload", "basic multipart", shaOf(data), int64(len(data)))
	up := o.Actions["upload"]
	size, _ := strconv.Atoi(up.Header["chunk_size"])
	if transfer != "multipart" || size != partSize {
		d.t.Fatalf("%s %+v", transfer, o)
	}
	a := d.complete(up, shaOf(data), d.putParts(up, size, data))
	if a.Status != 200 {
		d.t.Fatalf("complete: %d %s", a.Status, a.Body)
	}
}

// putParts sends all parts and gives what to say of them.
func (d *doors) putParts(up action, size int, data []byte) (parts []dict) {
	d.t.Helper()
	for i := 0; i*size < len(data); i++ {
		a := d.put(up.Header[fmt.Sprintf("%05d", i+1)], data[i*size:min((i+1)*size, len(data))])
		if a.Status != 200 {
			d.t.Fatalf("part %d: %d %s", i+1, a.Status, a.Body)
		}
		parts = append(parts, dict{"partNumber": i + 1, "etag": a.Header.Get("ETag")})
	}
	return parts
}

func (d *doors) complete(up action, oid string, parts []dict) testhub.Answer {
	d.t.Helper()
	return d.Do(testhub.Caller{}, "POST", d.at(up.Href), dict{"oid": oid, "parts": parts})
}

func (d *doors) uploadXet(c testhub.Caller, repo string, data []byte) {
	d.t.Helper()
	d.xet.Upload(d.xet.XetToken(c.Token, repo, "write"), (&xetstoretest.Client{}).Pack(d.t, data))
}

// commit sends one line to the main branch.
func (d *doors) commit(c testhub.Caller, repo, key string, value dict) testhub.Answer {
	d.t.Helper()
	head, _ := json.Marshal(dict{"key": "header", "value": dict{"summary": "test"}})
	line, _ := json.Marshal(dict{"key": key, "value": value})
	return d.Do(c, "POST", "/api/models/"+repo+"/commit/main", string(head)+"\n"+string(line)+"\n", "Content-Type", "application/x-ndjson")
}

func (d *doors) commitLarge(c testhub.Caller, repo, path string, data []byte) {
	d.t.Helper()
	if a := d.commit(c, repo, "lfsFile", dict{"path": path, "algo": "sha256", "oid": shaOf(data), "size": len(data)}); a.Status != 200 {
		d.t.Fatalf("commit: %d %s", a.Status, a.Body)
	}
}

// span is a range of a file.
type span struct{ off, n int }

func spansOf(n int) []span {
	return []span{{0, n}, {0, 1}, {n - 1, 1}, {n/2 - 50_000, 100_000}, {partSize - 3, 7}}
}

func (d *doors) same(what string, got, want []byte) {
	d.t.Helper()
	if !bytes.Equal(got, want) {
		d.t.Errorf("%s: %d bytes differ from the %d that were sent", what, len(got), len(want))
	}
}

// ranges fetches a file whole and by ranges.
func (d *doors) ranges(what string, c testhub.Caller, path string, data []byte) {
	d.t.Helper()
	a := d.Do(c, http.MethodGet, path, nil)
	d.same(what+", whole", a.Body, data)
	for _, s := range spansOf(len(data)) {
		a := d.Do(c, http.MethodGet, path, nil, "Range", fmt.Sprintf("bytes=%d-%d", s.off, s.off+s.n-1))
		if a.Status != http.StatusPartialContent {
			d.t.Errorf("%s, %v: status %d", what, s, a.Status)
		}
		d.same(fmt.Sprint(what, ", ", s), a.Body, data[s.off:s.off+s.n])
	}
}

// comesBack fetches a large file by each way out.
func (d *doors) comesBack(in string, c testhub.Caller, repo, path string, data []byte) {
	d.t.Helper()
	_, transfer, o := d.ask(c, repo, "download", "basic multipart xet", shaOf(data), int64(len(data)))
	if o.Error != nil || transfer != "basic" {
		d.t.Errorf("%s: no download by LFS: %s %+v", in, transfer, o)
		return
	}
	d.ranges(in+", then LFS", testhub.Caller{}, d.at(o.Actions["download"].Href), data)
	d.ranges(in+", then plain GET", c, "/"+repo+"/resolve/main/"+path, data)

	hash := d.Do(c, http.MethodHead, "/"+repo+"/resolve/main/"+path, nil).Header.Get("X-Xet-Hash")
	token := d.xet.XetToken(c.Token, repo, "read")
	for _, version := range []string{"v1", "v2"} {
		for _, s := range spansOf(len(data)) {
			got := d.xet.Download(token, "/"+version+"/reconstructions/"+hash, uint64(s.off), uint64(s.n))
			d.same(fmt.Sprint(in, ", then Xet ", version, ", ", s), got, data[s.off:s.off+s.n])
		}
	}
}

// Five ways in, three ways out: whichever door a file comes through, every door gives the same bytes.
func TestEveryDoorGivesWhatEveryDoorTook(t *testing.T) {
	eachInParts(t, func(t *testing.T, d *doors) {
		alice := d.User("alice")
		const repo = "alice/m"
		d.CreateRepo(alice, hub.Model, repo, true)
		u := as(t, d.Hub, alice)
		for i, way := range []struct {
			name string
			in   func(data []byte, path string)
		}{
			{"LFS basic", func(data []byte, path string) {
				d.uploadBasic(alice, repo, data)
				d.commitLarge(alice, repo, path, data)
			}},
			{"LFS multipart", func(data []byte, path string) {
				d.uploadParts(alice, repo, data)
				d.commitLarge(alice, repo, path, data)
			}},
			{"Xet", func(data []byte, path string) { d.uploadXet(alice, repo, data); d.commitLarge(alice, repo, path, data) }},
			{"the commit API, another's upload", func(data []byte, path string) { // named by its hash alone
				d.uploadXet(alice, repo, data)
				d.commitLarge(alice, repo, "other-"+path, data)
				d.commitLarge(alice, repo, path, data)
			}},
			{"git push", func(data []byte, path string) {
				dir := u.clone(repo)
				u.git(dir, "lfs", "install", "--local")
				u.git(dir, "lfs", "track", "*.bin")
				u.write(dir, path, string(data))
				u.commit(dir, "by git")
				u.git(dir, "push", "-q", "origin", "main")
			}},
		} {
			data := xetstoretest.Mixed(uint64(60+i), 2*partSize+partSize/3)
			path := fmt.Sprintf("file%d.bin", i)
			way.in(data, path)
			d.comesBack(way.name, alice, repo, path, data)
		}
		// What is small enough stays in git, where there is one way out, and a clone.
		data := xetstoretest.Mixed(70, 2*partSize)
		if a := d.commit(alice, repo, "file", dict{"path": "regular.txt", "content": base64.StdEncoding.EncodeToString(data), "encoding": "base64"}); a.Status != 200 {
			t.Fatalf("commit: %d %s", a.Status, a.Body)
		}
		d.ranges("the commit API, regular", alice, "/"+repo+"/resolve/main/regular.txt", data)
		u.git(u.home, "lfs", "install")
		dir := u.clone(repo)
		d.same("a clone of the regular file", []byte(u.read(dir, "regular.txt")), data)
		for i := range 5 {
			d.same("a clone", []byte(u.read(dir, fmt.Sprintf("file%d.bin", i))), xetstoretest.Mixed(uint64(60+i), 2*partSize+partSize/3))
		}
	})
}
