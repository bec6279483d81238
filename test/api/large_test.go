package api

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type largeItem struct {
	FileOid, Oid, PushedAt, Filename, Ref, XetHash string
	Size                                           int64
	Pusher                                         dict
}

func shaOf(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// upload sends a large file by LFS and gives its SHA-256.
func upload(h *testhub.Hub, c testhub.Caller, id, content string) string {
	h.T.Helper()
	sha := shaOf(content)
	a := h.Do(c, "POST", "/"+id+".git/info/lfs/objects/batch", dict{"operation": "upload", "transfers": []string{"basic"}, "objects": []dict{{"oid": sha, "size": len(content)}}},
		"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
	b := must[struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}](h.T.(*testing.T), a.Body)
	if a.Status != 200 || len(b.Objects) != 1 {
		h.T.Fatalf("batch: %d %s", a.Status, a.Body)
	}
	if up, ok := b.Objects[0].Actions["upload"]; ok {
		if a := h.Do(nobody, "PUT", strings.TrimPrefix(up.Href, h.URL), content, "Content-Type", "application/octet-stream"); a.Status != 200 {
			h.T.Fatalf("upload: %d %s", a.Status, a.Body)
		}
	}
	return sha
}

func lfsFile(path, content string) string {
	return line("lfsFile", dict{"path": path, "algo": "sha256", "oid": shaOf(content), "size": len(content)})
}

// addLarge uploads a large file and commits it.
func addLarge(h *testhub.Hub, c testhub.Caller, id, rev, path, content string) string {
	h.T.Helper()
	upload(h, c, id, content)
	return ok[struct{ CommitOid string }](h.T.(*testing.T), "commit", commitTo(h, c, id, rev, header("add "+path), lfsFile(path, content))).CommitOid
}

func largeList(h *testhub.Hub, c testhub.Caller, id, query string) []largeItem {
	h.T.Helper()
	return ok[[]largeItem](h.T.(*testing.T), "list", get(h, c, "/api/models/"+id+"/lfs-files"+query))
}

func removeLarge(h *testhub.Hub, c testhub.Caller, id string, rewrite bool, shas ...string) testhub.Answer {
	h.T.Helper()
	return post(h, c, "/api/models/"+id+"/lfs-files/batch", dict{"deletions": dict{"sha": shas, "rewriteHistory": rewrite}})
}

func TestLargeFilesListed(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		h.JSON(alice, "POST", "/api/models/alice/m/branch/dev", dict{}, nil)
		if got := largeList(h, alice, "alice/m", ""); len(got) != 0 {
			t.Errorf("a repository without large files lists %v", got)
		}
		addLarge(h, alice, "alice/m", "main", "d/a.bin", "aaaa")
		addLarge(h, alice, "alice/m", "dev", "b.bin", "bbbbb")
		addLarge(h, alice, "alice/m", "main", "again.bin", "bbbbb") // keeps its first name
		upload(h, alice, "alice/m", "never committed")
		list := largeList(h, alice, "alice/m", "?xet=true")
		if len(list) != 3 {
			t.Fatalf("%v", list)
		}
		want := []largeItem{{Oid: shaOf("never committed"), Size: 15}, {Oid: shaOf("bbbbb"), Size: 5, Filename: "b.bin", Ref: "refs/heads/dev"},
			{Oid: shaOf("aaaa"), Size: 4, Filename: "d/a.bin", Ref: "refs/heads/main"}}
		for i, w := range want {
			got := list[i]
			if got.FileOid != w.Oid || got.Oid != w.Oid || got.Size != w.Size || got.Filename != w.Filename || got.Ref != w.Ref || len(got.XetHash) != 64 || (got.Pusher["name"] == "alice") != (w.Ref != "") {
				t.Errorf("%d: %+v", i, got)
			}
		}
		var paged []string
		for next := "/api/models/alice/m/lfs-files?limit=1"; next != ""; {
			a := get(h, alice, next)
			for _, f := range ok[[]largeItem](t, "page", a) {
				paged = append(paged, f.Oid)
			}
			link, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"+h.URL), ">")
			next = link
		}
		if !slices.Equal(paged, []string{want[0].Oid, want[1].Oid, want[2].Oid}) {
			t.Errorf("pages give %v", paged)
		}
		for _, cursor := range []string{"x", "1.", "zz.zz", "-1." + list[0].XetHash, strings.Repeat("z", 30) + "." + list[0].XetHash} {
			refused(t, "cursor "+cursor, get(h, alice, "/api/models/alice/m/lfs-files?cursor="+url.QueryEscape(cursor)), 400, "")
		}
		refused(t, "for writers", get(h, h.User("bob"), "/api/models/alice/m/lfs-files"), 403, "")
		h.JSON(alice, "POST", "/api/models/alice/m/duplicate", dict{"repository": "alice/copy"}, nil)
		if got := largeList(h, alice, "alice/copy", ""); len(got) != 2 || got[1].Filename != "d/a.bin" {
			t.Errorf("a duplicate lists %v", got)
		}
	})
}

func TestLargeFilesDeletedFromHistory(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		base := "/api/models/alice/m"
		untouched := head(h, alice, "alice/m", "main")
		addLarge(h, alice, "alice/m", "main", "d/secret.bin", "secret")
		old := addLarge(h, alice, "alice/m", "main", "keep.bin", "keep me")
		h.JSON(alice, "POST", base+"/tag/main", dict{"tag": "v1", "message": "annotated"}, nil)
		h.JSON(alice, "POST", base+"/tag/"+untouched, dict{"tag": "v0"}, nil)
		h.JSON(alice, "POST", base+"/branch/dev", dict{}, nil)
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"f": "2"})
		h.JSON(alice, "POST", base+"/duplicate", dict{"repository": "alice/other"}, nil)

		refused(t, "an unknown one", removeLarge(h, alice, "alice/m", true, shaOf("secret"), shaOf("unknown")), 404, "", shaOf("unknown"), "Nothing was deleted")
		refused(t, "none", removeLarge(h, alice, "alice/m", true), 400, "")
		refused(t, "no id", removeLarge(h, alice, "alice/m", true, "../"+shaOf("x")[3:]), 400, "")
		refused(t, "too many", removeLarge(h, alice, "alice/m", true, slices.Repeat([]string{shaOf("x")}, 1001)...), 400, "")
		refused(t, "somebody else", removeLarge(h, h.User("bob"), "alice/m", true, shaOf("secret")), 403, "")
		if got := read(h, alice, "alice/m", "main", "d/secret.bin"); got != "secret" {
			t.Fatalf("refused deletions deleted: %s", got)
		}

		ok[dict](t, "delete", removeLarge(h, alice, "alice/m", true, strings.ToUpper(shaOf("secret"))))
		for _, rev := range []string{"main", "v1", "dev"} {
			if got := read(h, alice, "alice/m", rev, "d/secret.bin"); got != "(Not Found)" {
				t.Errorf("%s still has the file: %s", rev, got)
			}
			if a := get(h, alice, base+"/tree/"+rev+"/d"); a.Status != 404 {
				t.Errorf("%s still has the folder: %d %s", rev, a.Status, a.Body)
			}
			if got := read(h, alice, "alice/m", rev, "keep.bin"); got != "keep me" {
				t.Errorf("%s lost another file: %s", rev, got)
			}
		}
		refs := ok[refList](t, "refs", get(h, alice, base+"/refs"))
		if len(refs.Tags) != 2 || refs.Tags[0].TargetCommit != untouched || len(refs.Branches) != 2 || refs.Branches[0].TargetCommit == old {
			t.Errorf("refs %+v", refs)
		}
		var titles []string
		for _, c := range ok[[]struct{ ID, Title string }](t, "commits", get(h, alice, base+"/commits/main")) {
			titles = append(titles, c.Title)
		}
		if want := []string{"test", "add keep.bin", "add d/secret.bin", "test", "initial commit"}; !slices.Equal(titles, want) {
			t.Errorf("history %v", titles)
		}
		if list := largeList(h, alice, "alice/m", ""); len(list) != 1 || list[0].Oid != shaOf("keep me") {
			t.Errorf("stored: %v", list)
		}
		if got := read(h, alice, "alice/other", "main", "d/secret.bin"); got != "secret" {
			t.Errorf("another repository lost the file: %s", got)
		}
		ok[dict](t, "again", removeLarge(h, alice, "alice/m", true, shaOf("secret")))
		refused(t, "commit what was deleted", commit(h, alice, "alice/m", header("s"), lfsFile("x.bin", "secret")), 400, "", "has not been uploaded")
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"after": "3"})
		if a := h.Do(alice, "DELETE", base+"/lfs-files/"+shaOf("keep me"), nil); a.Status != 200 || read(h, alice, "alice/m", "main", "keep.bin") != "(Not Found)" || read(h, alice, "alice/m", "main", "after") != "3" {
			t.Errorf("one file: %d %s", a.Status, a.Body)
		}
	})
}

func TestLargeFilesDeletedFromStorageOnly(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		addLarge(h, alice, "alice/m", "main", "w.bin", "weights")
		before := head(h, alice, "alice/m", "main")
		path := "/alice/m/resolve/main/w.bin"
		if a := h.Do(alice, "DELETE", "/api/models/alice/m/lfs-files/"+shaOf("weights")+"?rewriteHistory=false", nil); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if head(h, alice, "alice/m", "main") != before || files(h, alice, "alice/m", "main")["w.bin"] == "" {
			t.Error("the history changed")
		}
		refused(t, "resolve", get(h, alice, path), 404, "EntryNotFound", "was deleted from this repository for good")
		if a := h.Do(alice, "HEAD", path, nil); a.Status != 404 || a.Header.Get("X-Repo-Commit") != before {
			t.Errorf("HEAD: %d %v", a.Status, a.Header)
		}
		if a := get(h, alice, "/alice/m/raw/main/w.bin"); !strings.HasPrefix(string(a.Body), "version https://git-lfs") {
			t.Errorf("raw: %d %s", a.Status, a.Body)
		}
		if a := get(h, alice, "/alice/m/blob/main/w.bin"); a.Status != 200 {
			t.Errorf("page: %d", a.Status)
		}
		h.JSON(alice, "POST", "/api/models/alice/m/duplicate", dict{"repository": "alice/copy"}, nil)
		refused(t, "a duplicate's", get(h, alice, "/alice/copy/resolve/main/w.bin"), 404, "EntryNotFound", "was deleted")
		upload(h, alice, "alice/m", "weights")
		if got := read(h, alice, "alice/m", "main", "w.bin"); got != "weights" {
			t.Errorf("sent again: %s", got)
		}
		ok[dict](t, "delete", removeLarge(h, alice, "alice/m", false, shaOf("weights")))
		ok[dict](t, "rewrite after all", removeLarge(h, alice, "alice/m", true, shaOf("weights")))
		if got := files(h, alice, "alice/m", "main"); got["w.bin"] != "" {
			t.Errorf("the pointer stayed: %v", got)
		}
	})
}

// TestRewriteLosesNoConcurrentCommit has commits, branches and deletions at once: what was answered is there.
func TestRewriteLosesNoConcurrentCommit(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		const rounds = 8
		for i := range rounds {
			addLarge(h, alice, "alice/m", "main", fmt.Sprintf("large/%d.bin", i), fmt.Sprint("large ", i))
		}
		h.JSON(alice, "POST", "/api/models/alice/m/branch/topic", dict{}, nil)
		var wg sync.WaitGroup
		for i := range rounds {
			wg.Add(3)
			go func() {
				defer wg.Done()
				if a := post(h, alice, "/api/models/alice/m/merge/topic", dict{"from": "main"}); a.Status != 200 {
					t.Errorf("merge: %d %s", a.Status, a.Body)
				}
			}()
			go func() {
				defer wg.Done()
				if a := commit(h, alice, "alice/m", header("s"), file(fmt.Sprint("small", i), "x")); a.Status != 200 {
					t.Errorf("commit: %d %s", a.Status, a.Body)
				}
				if a := post(h, alice, fmt.Sprintf("/api/models/alice/m/branch/b%d", i), dict{}); a.Status != 200 {
					t.Errorf("branch: %d %s", a.Status, a.Body)
				}
			}()
			go func() {
				defer wg.Done()
				if a := removeLarge(h, alice, "alice/m", true, shaOf(fmt.Sprint("large ", i))); a.Status != 200 {
					t.Errorf("delete: %d %s", a.Status, a.Body)
				}
			}()
		}
		wg.Wait()
		revs := []string{"main", "topic"}
		for i := range rounds {
			revs = append(revs, fmt.Sprint("b", i))
		}
		for _, rev := range revs {
			for _, c := range ok[[]struct{ ID string }](t, "commits", get(h, alice, "/api/models/alice/m/commits/"+rev)) {
				for f := range files(h, alice, "alice/m", c.ID) {
					if strings.HasPrefix(f, "large") {
						t.Errorf("%s has %s at %s", rev, f, c.ID)
					}
				}
			}
		}
		got := files(h, alice, "alice/m", "main")
		for i := range rounds {
			if got[fmt.Sprint("small", i)] == "" {
				t.Errorf("commit %d was lost", i)
			}
		}
		if list := largeList(h, alice, "alice/m", ""); len(list) != 0 {
			t.Errorf("stored: %v", list)
		}
	})
}

type copied struct {
	Success              bool
	Processed, Succeeded int
	Failed               []struct{ XetHash, Sha256, Error string }
}

func oneLarge(xet, content string) dict {
	return dict{"xetHash": xet, "sha256": shaOf(content), "filename": "w.bin"}
}

// copyLarge copies files of a model into a dataset.
func copyLarge(h *testhub.Hub, c testhub.Caller, from, to string, files ...dict) testhub.Answer {
	h.T.Helper()
	return post(h, c, "/api/models/"+from+"/lfs-files/duplicate", dict{"target": dict{"type": "dataset", "name": to}, "files": files})
}

func TestLargeFilesCopied(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		addLarge(h, alice, "alice/m", "main", "w.bin", "weights")
		xet := largeList(h, alice, "alice/m", "?xet=true")[0].XetHash
		bob := h.User("bob")
		h.CreateRepo(bob, hub.Dataset, "bob/d", true)
		a := copyLarge(h, bob, "alice/m", "bob/d", oneLarge(xet, "weights"), oneLarge(strings.ToUpper(xet), "weights"))
		if got := must[copied](t, a.Body); a.Status != 200 || !got.Success || got.Succeeded != 1 {
			t.Errorf("copy: %d %s", a.Status, a.Body)
		}
		a = h.Do(bob, "POST", "/api/datasets/bob/d/commit/main", header("s")+lfsFile("mine.bin", "weights"), "Content-Type", "application/x-ndjson")
		if got := get(h, bob, "/datasets/bob/d/resolve/main/mine.bin"); a.Status != 200 || string(got.Body) != "weights" {
			t.Errorf("commit of the copy: %d %s, read %s", a.Status, a.Body, got.Body)
		}
		refused(t, "no file", copyLarge(h, bob, "alice/m", "bob/d"), 400, "")
		refused(t, "no hash", copyLarge(h, bob, "alice/m", "bob/d", dict{"xetHash": "x", "sha256": "y"}), 400, "")
		refused(t, "no such type", post(h, bob, "/api/models/alice/m/lfs-files/duplicate", dict{"target": dict{"type": "x", "name": "bob/d"}, "files": []dict{oneLarge(xet, "weights")}}), 400, "")
	})
}

// TestCopyTellsNothingOfStrangersFiles is a theft by both hashes of a file: what the source does not have is not there,
// whether others have it or nobody.
func TestCopyTellsNothingOfStrangersFiles(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		addLarge(h, alice, "alice/m", "main", "w.bin", "weights")
		xet := largeList(h, alice, "alice/m", "?xet=true")[0].XetHash
		bob, eve := h.User("bob"), h.User("eve")
		h.CreateRepo(bob, hub.Dataset, "bob/d", true)
		h.CreateRepo(bob, hub.Model, "bob/secret", true)
		addLarge(h, bob, "bob/secret", "main", "s.bin", "secret")
		hidden := largeList(h, bob, "bob/secret", "?xet=true")[0].XetHash
		refused(t, "into a repository that one may not see", copyLarge(h, eve, "alice/m", "bob/d", oneLarge(xet, "weights")), 404, "RepoNotFound")
		h.CreateRepo(eve, hub.Dataset, "eve/d", false)
		a := copyLarge(h, eve, "alice/m", "eve/d", oneLarge(hidden, "secret"), oneLarge(strings.Repeat("ab", 32), "nothing"), oneLarge(xet, "secret"),
			oneLarge(hidden, "weights"), oneLarge(xet, "weights"))
		got := must[copied](t, a.Body)
		if a.Status != 207 || got.Success || got.Processed != 5 || got.Succeeded != 1 || len(got.Failed) != 4 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		for _, f := range got.Failed {
			if f.Error != got.Failed[0].Error {
				t.Errorf("%q and %q tell cases apart", f.Error, got.Failed[0].Error)
			}
		}
		refused(t, "from a hidden one", copyLarge(h, eve, "bob/secret", "eve/d", oneLarge(hidden, "secret")), 404, "RepoNotFound")
		refused(t, "into a public one of others", post(h, eve, "/api/models/alice/m/lfs-files/duplicate",
			dict{"target": dict{"type": "model", "name": "alice/m"}, "files": []dict{oneLarge(xet, "weights")}}), 403, "")
	})
}
