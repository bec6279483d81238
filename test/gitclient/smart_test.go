package gitclient

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// history gives a repository twelve commits, a day apart, with a side branch at the fifth and a tag at the eighth, and
// returns a clone of it.
func history(u *user, who testhub.Caller, id string) string {
	u.t.Helper()
	u.h.CreateRepo(who, hub.Model, id, true)
	dir := u.clone(id)
	for i := 1; i <= 12; i++ {
		u.write(dir, "large.txt", strings.Repeat(fmt.Sprintln("line of step", i), 500))
		u.write(dir, fmt.Sprintf("dir/%d.txt", i), fmt.Sprint(i))
		u.git(dir, "add", "-A")
		date := fmt.Sprintf("2026-03-%02dT12:00:00Z", i)
		u.env = append(u.env, "GIT_COMMITTER_DATE="+date, "GIT_AUTHOR_DATE="+date)
		u.git(dir, "commit", "-q", "-m", fmt.Sprint("step ", i))
		u.env = u.env[:len(u.env)-2]
		switch i {
		case 5:
			u.git(dir, "branch", "side")
		case 8:
			u.git(dir, "tag", "-a", "v1", "-m", "v1")
			u.git(dir, "tag", "-a", "v1-again", "-m", "a tag of a tag", "v1")
		}
	}
	u.git(dir, "push", "-q", "--follow-tags", "origin", "main", "side", "v1-again")
	return dir
}

// Histories that are cut by depth, date or ref, deepened and completed, by both versions of the protocol.
func TestShallow(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		history(u, alice, "alice/m")
		count := func(dir string) string { return u.git(dir, "rev-list", "--count", "HEAD") }
		for _, version := range []string{"0", "2"} {
			v := []string{"-c", "protocol.version=" + version}
			for want, options := range map[string][]string{
				"3": {"--depth=3"}, "4": {"--shallow-since=2026-03-09T00:00:00Z"}, "7": {"--shallow-exclude=side"},
			} {
				dir := u.clone("alice/m", append(v, options...)...)
				if got := count(dir); got != want {
					t.Errorf("version %s, %v: %s commits, want %s", version, options, got, want)
				}
			}
			dir := u.clone("alice/m", append(v, "--depth=2", "--no-single-branch")...)
			step := func(want string, args ...string) {
				t.Helper()
				u.git(dir, append(append(v, "fetch", "-q"), args...)...)
				u.fsck(dir)
				if got := count(dir); got != want {
					t.Errorf("version %s, fetch %v: %s commits, want %s", version, args, got, want)
				}
			}
			step("4", "--deepen=2")
			step("6", "--depth=6")
			step("3", "--shallow-since=2026-03-10T00:00:00Z")
			step("13", "--unshallow") // and the first, which the hub made
			shallow := u.clone("alice/m", append(v, "--depth=1")...)
			u.write(shallow, "from-shallow.txt", version)
			u.commit(shallow, "from a shallow clone")
			u.git(shallow, append(v, "push", "-q", "origin", "HEAD:refs/heads/shallow-"+version)...)
		}
	})
}

// Clones without blobs or trees, which fetch what they need later; a filter that names a file of the repository is
// refused, for its cost is the client's choice.
func TestPartial(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		source := history(u, alice, "alice/m")
		missing := func(dir string) int {
			return strings.Count(u.git(dir, "rev-list", "--objects", "--all", "--missing=print", "--no-object-names"), "?")
		}
		for _, version := range []string{"0", "2"} {
			v := []string{"-c", "protocol.version=" + version}
			for filter, least := range map[string]int{"blob:none": 25, "blob:limit=1k": 12, "tree:0": 12, "combine:blob:none+tree:2": 20} {
				dir := filepath.Join(t.TempDir(), "partial")
				u.git("/", append(v, "clone", "-q", "--no-checkout", "--filter="+filter, u.remote("alice/m"), dir)...)
				if n := missing(dir); n < least {
					t.Errorf("version %s, %s: %d objects are missing, want at least %d", version, filter, n, least)
				}
				u.git(dir, "checkout", "-q", "main~3")
				if got, want := u.git(dir, "ls-tree", "-r", "HEAD"), u.git(source, "ls-tree", "-r", "main~3"); got != want {
					t.Errorf("version %s, %s: tree\n%s\nwant\n%s", version, filter, got, want)
				}
				u.git(dir, append(v, "fetch", "-q", "--refetch", "--no-filter", "origin")...)
				if n := missing(dir); n != 0 {
					t.Errorf("version %s, %s: %d objects are missing after all were fetched", version, filter, n)
				}
			}
			sparse := append(v, "clone", "-q", "--no-checkout", "--filter=sparse:oid=main:README.md", u.remote("alice/m"), filepath.Join(t.TempDir(), "sparse"))
			u.refused("/", sparse, "sparse:oid", "not supported")
		}
	})
}

// What a client may see of the refs: symbolic ones, by pattern, of an empty repository, and the refs of pull requests,
// which can be fetched and not pushed.
func TestLsRemote(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		dir := history(u, alice, "alice/m")
		main, side := u.git(dir, "rev-parse", "main"), u.git(dir, "rev-parse", "side")
		err := h.App.DB().Tx(t.Context(), func(tx *db.Tx) error { // as a pull request will make it
			_, err := tx.Exec(t.Context(), `INSERT INTO git_ref (repo_id, name, oid, updated_at)
				SELECT repo_id, 'refs/pr/1', oid, updated_at FROM git_ref WHERE name = 'refs/heads/side'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		peeled := u.git(dir, "rev-parse", "v1^{}")
		for _, version := range []string{"0", "1", "2"} {
			list := func(args ...string) string {
				return u.git(dir, append([]string{"-c", "protocol.version=" + version, "ls-remote"}, args...)...)
			}
			for _, row := range []struct {
				args []string
				want []string
				not  string
			}{
				{[]string{"--symref", "origin", "HEAD"}, []string{"ref: refs/heads/main\tHEAD", main + "\tHEAD"}, "side"},
				{[]string{"origin", "refs/heads/s*"}, []string{side + "\trefs/heads/side"}, "main"},
				{[]string{"--heads", "origin"}, []string{main + "\trefs/heads/main", side + "\trefs/heads/side"}, "v1"},
				{[]string{"--tags", "origin"}, []string{peeled + "\trefs/tags/v1^{}", peeled + "\trefs/tags/v1-again^{}"}, "heads"},
				{[]string{"--refs", "origin"}, []string{side + "\trefs/pr/1"}, "^{}"},
			} {
				got := list(row.args...)
				for _, want := range row.want {
					if !strings.Contains(got, want) {
						t.Errorf("version %s, %v: no %q in\n%s", version, row.args, want, got)
					}
				}
				if strings.Contains(got, row.not) {
					t.Errorf("version %s, %v: %q in\n%s", version, row.args, row.not, got)
				}
			}
		}
		u.git(dir, "fetch", "-q", "origin", "refs/pr/1:refs/remotes/origin/pr/1")
		if got := u.git(dir, "rev-parse", "origin/pr/1"); got != side {
			t.Errorf("refs/pr/1 is %s, not %s", got, side)
		}
		for _, spec := range []string{"main:refs/pr/1", ":refs/pr/1", "main:refs/pr/2"} {
			u.refused(dir, []string{"push", "--force", "origin", spec}, "only branches (refs/heads/) and tags (refs/tags/) can be pushed")
		}

		h.JSON(alice, http.MethodPost, "/api/models/alice/m/branch/nothing", map[string]any{"emptyBranch": true}, nil)
		u.clone("alice/m", "--branch=nothing")
	})
}

// Pushes in all their forms.
func TestPushForms(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		dir := history(u, alice, "alice/m")
		at := func(ref string) string {
			id, _, _ := strings.Cut(u.git(dir, "ls-remote", "origin", ref), "\t")
			return id
		}
		if got, want := at("refs/tags/v1-again"), u.git(dir, "rev-parse", "v1-again"); got != want {
			t.Errorf("the tag of a tag is %s, not %s", got, want)
		}
		other := u.clone("alice/m") // who does not know what happens next
		u.git(dir, "commit", "-q", "--amend", "-m", "amended")
		u.git(dir, "push", "-q", "--force-with-lease", "origin", "main")
		u.git(other, "commit", "-q", "--amend", "-m", "amended elsewhere")
		u.refused(other, []string{"push", "--force-with-lease", "origin", "main"}, "stale info")
		u.git(other, "fetch", "-q")
		u.git(other, "push", "-q", "--force-with-lease=main:"+at("refs/heads/main"), "origin", "main")
		u.git(dir, "fetch", "-q")
		u.git(dir, "reset", "-q", "--hard", "origin/main")

		u.git(dir, "push", "-q", "--atomic", "origin", "main:refs/heads/one", "side:refs/heads/two")
		u.refused(dir, []string{"push", "--atomic", "origin", "side:refs/heads/one", "main:refs/heads/three", "+main:refs/pr/9"}, "atomic")
		if got := at("refs/heads/three"); got != "" {
			t.Errorf("of an atomic push that failed, one ref was made: %s", got)
		}
		u.git(dir, "push", "-q", "origin", "--delete", "one", "two", "v1-again")
		for _, ref := range []string{"refs/heads/one", "refs/heads/two", "refs/tags/v1-again"} {
			if got := at(ref); got != "" {
				t.Errorf("%s was deleted and is %s", ref, got)
			}
		}
		u.refused(dir, []string{"push", "origin", "--delete", "never-was"}, "remote ref does not exist")
		u.refused(dir, []string{"push", "--push-option=ci.skip", "origin", "main:refs/heads/optional"}, "does not support push options")
		u.refused(dir, []string{"push", "origin", "main:refs/heads/refs/tags/v9"}, "not a valid name")
		u.refused(dir, []string{"push", "origin", "main:refs/tags/refs/heads/v9"}, "not a valid name")
		if got := u.git(dir, "push", "--porcelain", "origin", "main"); !strings.Contains(got, "[up to date]") {
			t.Errorf("a push of nothing: %s", got)
		}

		// A mirror is pushed whole, and what it lacks goes.
		mirror := u.clone("alice/m", "--mirror")
		h.CreateRepo(alice, hub.Model, "alice/copy", true)
		u.git(mirror, "push", "-q", "--mirror", u.remote("alice/copy"))
		u.git(mirror, "update-ref", "-d", "refs/heads/side")
		u.git(mirror, "push", "-q", "--mirror", u.remote("alice/copy"))
		if got, want := u.git("/", "ls-remote", u.remote("alice/copy")), u.git("/", "ls-remote", mirror); got != want {
			t.Errorf("the copy of a mirror has\n%s\nwant\n%s", got, want)
		}
	})
}

// What is between client and hub: large bodies in chunks, compressed ones, those that wait to be asked for.
func TestTransport(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		dir := u.clone("alice/m")
		for i := range 40 { // over what git sends at once
			u.write(dir, fmt.Sprintf("random/%d.bin", i), randomText(uint64(i), 60_000))
		}
		u.commit(dir, "two megabytes")
		trace, _ := u.try(dir, "", "env", "GIT_CURL_VERBOSE=1", "git", "-c", "http.postBuffer=65536", "-c", "http.version=HTTP/1.1", "push", "origin", "main")
		if !strings.Contains(strings.ToLower(trace), "transfer-encoding: chunked") || !strings.Contains(trace, "main -> main") {
			t.Errorf("a push in chunks:\n%.3000s", trace)
		}
		trace, ok := u.try(dir, "", "env", "GIT_CURL_VERBOSE=1", "git", "-c", "http.postBuffer=65536", "-c", "http.expectContinue=true",
			"-c", "http.extraHeader=Expect: 100-continue", "push", "origin", "main:refs/heads/continued")
		if !ok || !strings.Contains(trace, "100 Continue") {
			t.Errorf("a push that waits for a go-ahead:\n%.3000s", trace)
		}
		for i := range 300 { // so many haves that git compresses its question
			u.git(dir, "commit", "-q", "--allow-empty", "-m", fmt.Sprint("local ", i))
		}
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"new.txt": "new"})
		trace, ok = u.try(dir, "", "env", "GIT_CURL_VERBOSE=1", "git", "-c", "protocol.version=0", "fetch", "--progress", "origin")
		if !ok || !strings.Contains(strings.ToLower(trace), "content-encoding: gzip") || !strings.Contains(trace, "remote: Enumerating objects") {
			t.Errorf("a compressed request:\n%.3000s", trace)
		}
		u.fsck(dir)

		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = io.WriteString(w, "0014command=ls-refs\n0001000csymrefs\n0000")
		_ = w.Close()
		a := h.Do(alice, http.MethodPost, "/alice/m.git/git-upload-pack", z.Bytes(), "Content-Type", "application/x-git-upload-pack-request",
			"Content-Encoding", "gzip", "Git-Protocol", "version=2")
		if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "symref-target:refs/heads/main") {
			t.Errorf("a compressed ls-refs: %d %q", a.Status, a.Body)
		}
		for _, service := range []string{"upload-pack", "receive-pack"} { // the probes by which git tries its credentials
			kind := "application/x-git-" + service + "-request"
			if a := h.Do(alice, http.MethodPost, "/alice/m.git/git-"+service, "0000", "Content-Type", kind); a.Status != http.StatusOK || len(a.Body) != 0 {
				t.Errorf("probe of %s: %d %q", service, a.Status, a.Body)
			}
			a := h.Do(testhub.Caller{}, http.MethodPost, "/alice/m.git/git-"+service, "0000", "Content-Type", kind)
			if a.Status != http.StatusUnauthorized || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("probe of %s by nobody: %d %v", service, a.Status, a.Header)
			}
		}
	})
}

// Clients that this hub cannot serve are told so in words.
func TestOtherProtocols(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	u := as(t, h, alice)
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	sha256 := filepath.Join(t.TempDir(), "sha256")
	u.git("/", "init", "-q", "--object-format=sha256", sha256)
	u.write(sha256, "a.txt", "a")
	u.commit(sha256, "a")
	u.refused(sha256, []string{"fetch", u.remote("alice/m")}, "mismatched algorithms")
	u.refused(sha256, []string{"push", "--force", u.remote("alice/m"), "main"}, "does not support this repository's hash algorithm")

	dumb, _ := u.try("/", "", "env", "GIT_SMART_HTTP=0", "git", "clone", u.remote("alice/m"), filepath.Join(t.TempDir(), "dumb"))
	if !strings.Contains(dumb, "smart protocol only") {
		t.Errorf("a client of the dumb protocol: %s", dumb)
	}
	upload, receive := "application/x-git-upload-pack-request", "application/x-git-receive-pack-request"
	zero, one := strings.Repeat("0", 40), strings.Repeat("1", 40)
	push := func(caps string) string {
		return string(git.AppendFlush(git.AppendPkt(nil, zero+" "+one+" refs/heads/x\x00 report-status "+caps)))
	}
	var many []byte
	for i := range git.MaxPushRefs + 1 {
		many = git.AppendPkt(many, fmt.Sprintf("%s %s refs/heads/b%d%s", zero, one, i, map[bool]string{true: "\x00report-status side-band-64k"}[i == 0]))
	}
	for _, row := range []struct {
		name, service, kind, body string
		status                    int
		want                      string
	}{
		{"object-info", "git-upload-pack", upload, "0018command=object-info\n0001000csize\n0000", 400, "object-info"},
		{"bundle-uri", "git-upload-pack", upload, "0017command=bundle-uri\n0000", 400, "bundle-uri"},
		{"sha256 fetch", "git-upload-pack", upload, "0014command=ls-refs\n0019object-format=sha2560000", 400, "sha1 repository"},
		{"sha256 push", "git-receive-pack", receive, push("object-format=sha256"), 400, "sha1 repository"},
		{"push options", "git-receive-pack", receive, push("push-options"), 400, "push options"},
		{"push options, side bands", "git-receive-pack", receive, push("side-band-64k push-options"), 200, "\x03error: This hub does not offer what the request asks for: push options."},
		{"many refs", "git-receive-pack", receive, string(git.AppendFlush(many)), 200, "\x03error: The request asks for more than this hub does at once: more than 10000 refs in one push."},
		{"brotli", "git-receive-pack", receive, "0000", 400, "gzip only"},
	} {
		headers := []string{"Content-Type", row.kind, "Git-Protocol", "version=2"}
		if row.name == "brotli" {
			headers = append(headers, "Content-Encoding", "br")
		}
		a := h.Do(alice, http.MethodPost, "/alice/m.git/"+row.service, row.body, headers...)
		if a.Status != row.status || !strings.Contains(string(a.Body), row.want) {
			t.Errorf("%s: %d %q, want %d %q", row.name, a.Status, a.Body, row.status, row.want)
		}
	}
}
