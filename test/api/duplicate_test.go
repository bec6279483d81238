package api

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func noise(seed uint64, n int) string { return string(xetstoretest.Random(seed, n)) }

// download asks for a large file by LFS and gives its bytes, or why there are none.
func download(h *testhub.Hub, c testhub.Caller, id, content string) (body []byte, code int) {
	h.T.Helper()
	a := h.Do(c, "POST", "/"+id+".git/info/lfs/objects/batch", dict{"operation": "download", "transfers": []string{"basic"}, "objects": []dict{{"oid": shaOf(content), "size": len(content)}}},
		"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
	b := ok[struct {
		Objects []struct {
			Error   struct{ Code int }
			Actions map[string]struct{ Href string }
		}
	}](h.T.(*testing.T), "batch", a)
	if len(b.Objects) != 1 {
		h.T.Fatalf("batch: %s", a.Body)
	}
	if b.Objects[0].Error.Code != 0 {
		return nil, b.Objects[0].Error.Code
	}
	d := h.Do(nobody, "GET", strings.TrimPrefix(b.Objects[0].Actions["download"].Href, h.URL), nil)
	return d.Body, d.Status
}

// S28: who duplicates a repository gets the large files that its branches and tags still name: none that went with a
// squash, a deleted branch or an overwritten one, and none that was uploaded and never committed.
func TestCopyHasNoUnreachableLargeFiles(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		const id, base = "alice/m", "/api/models/alice/m"
		kept := map[string]string{"kept.bin": noise(1, 200_000), "sub/other.bin": noise(2, 10_000)}
		tagged, never := noise(3, 50_000), noise(7, 400_000)
		lost := []string{noise(4, 400_000), noise(5, 400_000), noise(6, 400_000), never}

		start := head(h, alice, id, "main")
		addLarge(h, alice, id, "main", "tagged.bin", tagged)
		h.JSON(alice, "POST", base+"/tag/main", dict{"tag": "v1", "message": "annotated"}, nil)
		ok[dict](t, "delete", commit(h, alice, id, header("s"), line("deletedFile", dict{"path": "tagged.bin"})))
		h.JSON(alice, "POST", base+"/branch/squashed", dict{"startingPoint": start}, nil)
		squashed := addLarge(h, alice, id, "squashed", "s.bin", lost[0])
		ok[dict](t, "delete", commitTo(h, alice, id, "squashed", header("s"), line("deletedFile", dict{"path": "s.bin"})))
		h.JSON(alice, "POST", base+"/branch/dropped", dict{"startingPoint": start}, nil)
		dropped := addLarge(h, alice, id, "dropped", "d.bin", lost[1])
		h.JSON(alice, "POST", base+"/branch/forced", dict{"startingPoint": start}, nil)
		forced := addLarge(h, alice, id, "forced", "s.bin", lost[2])
		for path, content := range kept {
			addLarge(h, alice, id, "main", path, content)
		}
		upload(h, alice, id, never)

		duplicate := func(c testhub.Caller) (list []largeItem, used float64) {
			to := c.Name + "/copy"
			h.JSON(c, "POST", base+"/duplicate", dict{"repository": to}, nil)
			for path, content := range kept {
				comesBack(h, c, to, "main", path, content)
			}
			comesBack(h, c, to, "v1", "tagged.bin", tagged)
			used = ok[dict](t, "info", get(h, c, "/api/models/"+to+"?expand=usedStorage"))["usedStorage"].(float64)
			return largeList(h, c, to, "?xet=true"), used
		}
		isLost := func(f largeItem) bool {
			return f.Filename == "" || slices.ContainsFunc(lost, func(c string) bool { return shaOf(c) == f.Oid })
		}

		// While all has a ref, a copy lacks only what was never committed.
		early, late := h.User("early"), h.User("late")
		list, all := duplicate(early)
		if len(list) != 6 || slices.ContainsFunc(list, func(f largeItem) bool { return f.Filename == "" }) {
			t.Errorf("with all branches, a copy lists %+v", list)
		}
		h.JSON(alice, "POST", base+"/super-squash/squashed", dict{}, nil)
		h.JSON(alice, "DELETE", base+"/branch/dropped", nil, nil)
		h.JSON(alice, "POST", base+"/branch/forced", dict{"startingPoint": start, "overwrite": true}, nil)
		list, used := duplicate(late)
		if len(list) != 3 || slices.ContainsFunc(list, isLost) {
			t.Errorf("a copy lists %+v", list)
		}
		if all-used < 1_200_000 {
			t.Errorf("a copy takes %v bytes, one with all branches %v", used, all)
		}
		stored := largeList(h, alice, id, "?xet=true")
		for _, content := range lost {
			i := slices.IndexFunc(stored, func(f largeItem) bool { return f.Oid == shaOf(content) })
			if i < 0 {
				t.Fatal("the original lost a file before its time")
			}
			stolen(t, h, late, "late/copy", stored[i], content)
			if content == never {
				stolen(t, h, early, "early/copy", stored[i], content)
			}
		}
		for _, oid := range []string{squashed, dropped, forced} {
			for _, path := range []string{"s.bin", "d.bin"} {
				if a := get(h, late, "/late/copy/resolve/"+oid+"/"+path); a.Status != 404 {
					t.Errorf("resolve of %s: %d", oid, a.Status)
				}
			}
		}
	})
}

// comesBack reads a large file by every way out.
func comesBack(h *testhub.Hub, c testhub.Caller, id, rev, path, content string) {
	h.T.Helper()
	t := h.T.(*testing.T)
	at := "/" + id + "/resolve/" + rev + "/" + path
	if a := get(h, c, at); a.Status != 200 || string(a.Body) != content {
		t.Errorf("%s: %d, %d bytes", at, a.Status, len(a.Body))
	}
	if b, status := download(h, c, id, content); status != 200 || string(b) != content {
		t.Errorf("%s by LFS: %d, %d bytes", at, status, len(b))
	}
	hash := h.Do(c, "HEAD", at, nil).Header.Get("X-Xet-Hash")
	door := &xetapitest.Door{T: t, URL: h.URL}
	token := door.XetToken(c.Token, id, "read")
	for _, version := range []string{"v1", "v2"} {
		xetapitest.Equal(t, door.Download(token, "/"+version+"/reconstructions/"+hash, 0, uint64(len(content))), []byte(content))
	}
}

// stolen tries every way to a large file that a copy is not to have, knowing all about it but its bytes.
func stolen(t *testing.T, h *testhub.Hub, c testhub.Caller, id string, f largeItem, content string) {
	t.Helper()
	if b, status := download(h, c, id, content); status != 404 {
		t.Errorf("%s by LFS: %d, %d bytes", f.Filename, status, len(b))
	}
	refused(t, "a pointer to it", commit(h, c, id, header("s"), lfsFile("stolen.bin", content)), 400, "", "has not been uploaded")
	door := &xetapitest.Door{T: t, URL: h.URL}
	token := door.XetToken(c.Token, id, "read")
	for _, version := range []string{"v1", "v2"} {
		if a := door.Do("GET", "/"+version+"/reconstructions/"+f.XetHash, token, nil); a.StatusCode != 404 || bytes.Contains(a.Bytes, []byte("url")) {
			t.Errorf("%s by Xet %s: %d", f.Filename, version, a.StatusCode)
		}
	}
	a := copyLarge(h, c, id, id, oneLarge(f.XetHash, content))
	if a.Status < 400 && must[copied](t, a.Body).Succeeded != 0 {
		t.Errorf("copied into another repository: %s", a.Body)
	}
}
