package gitclient

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// secretText is what must not come out of any door.
const secretText = "a password that was pushed by mistake"

// lostHistory is a repository of which two commits went out of every ref's reach.
type lostHistory struct {
	u       *user
	id      string
	dir     string
	lost    []string // commits, trees, blobs and a tag that no ref reaches
	commits []string // the commits among them, the last one first
	kept    string
}

// lose makes a repository, pushes a secret, and takes it back in one of the ways there are.
func lose(t *testing.T, h *testhub.Hub, alice testhub.Caller, name string, private bool, back func(l *lostHistory)) *lostHistory {
	t.Helper()
	l := &lostHistory{u: as(t, h, alice), id: "alice/" + name}
	u := l.u
	h.CreateRepo(alice, hub.Model, l.id, private)
	l.dir = u.clone(l.id)
	l.kept = u.git(l.dir, "rev-parse", "HEAD")
	u.git(l.dir, "checkout", "-q", "-b", "side")
	for i := range 2 {
		u.write(l.dir, "sub/secret.txt", secretText+fmt.Sprint(i))
		l.commits = append([]string{u.commit(l.dir, "a mistake")}, l.commits...)
		l.lost = append(l.lost, l.commits[0], u.git(l.dir, "rev-parse", "HEAD^{tree}"), u.git(l.dir, "rev-parse", "HEAD:sub"), u.git(l.dir, "rev-parse", "HEAD:sub/secret.txt"))
	}
	u.git(l.dir, "tag", "-a", "gone", "-m", secretText)
	l.lost = append(l.lost, u.git(l.dir, "rev-parse", "gone"))
	u.git(l.dir, "push", "-q", "origin", "side", "side:main", "gone")
	back(l)
	u.git(l.dir, "push", "-q", "origin", ":side", ":gone")
	return l
}

// The ways in which objects go out of reach.
var losses = map[string]func(l *lostHistory){
	"force-push": func(l *lostHistory) {
		l.u.git(l.dir, "push", "-q", "--force", "origin", l.kept+":main")
	},
	"super-squash": func(l *lostHistory) {
		l.u.git(l.dir, "rm", "-rq", "sub")
		l.u.commit(l.dir, "without it")
		l.u.git(l.dir, "push", "-q", "origin", "HEAD:main")
		l.u.h.JSON(l.u.who, http.MethodPost, "/api/models/"+l.id+"/super-squash/main", map[string]any{}, nil)
	},
	"branch-overwrite": func(l *lostHistory) {
		l.u.h.JSON(l.u.who, http.MethodPost, "/api/models/"+l.id+"/branch/main", map[string]any{"startingPoint": l.kept, "overwrite": true}, nil)
	},
}

// S28: what no ref reaches is not to be had by who may only read, by any door, before it is collected and after; nor
// by the owner of a copy. Its writers may give it a ref again until then.
func TestUnreachableIsUnreadable(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice, eve := h.User("alice"), h.User("eve")
		asked, obtained := 0, 0
		for name, back := range losses {
			l := lose(t, h, alice, name, false, back)
			for _, who := range []testhub.Caller{{}, eve} { // before it is collected, and after
				a, o := askForLost(t, h, who, l, l.id)
				asked, obtained = asked+a, obtained+o
				collectNow(t, h)
			}
			h.Do(alice, http.MethodDelete, "/api/repos/delete", map[string]any{"name": name, "organization": "alice", "type": "model"})
			a, o := askForLost(t, h, eve, l, l.id)
			asked, obtained = asked+a, obtained+o
		}
		t.Logf("asked %d times, obtained %d objects", asked, obtained)
		if asked < 500 || obtained != 0 {
			t.Errorf("asked %d times, obtained %d objects, want 0", asked, obtained)
		}
	})
}

// S28: a copy made by a reader holds nothing that the original has lost, whatever its owner tries.
func TestCopyOfUnreachableIsEmptyOfIt(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice, eve := h.User("alice"), h.User("eve")
		l := lose(t, h, alice, "m", true, losses["force-push"])
		h.JSON(alice, http.MethodPut, "/api/models/alice/m/settings", map[string]any{"private": false}, nil)
		h.JSON(eve, http.MethodPost, "/api/models/alice/m/duplicate", map[string]any{"repository": "eve/m"}, nil)
		if asked, obtained := askForLost(t, h, eve, l, "eve/m"); obtained != 0 || asked < 100 {
			t.Errorf("asked %d times, obtained %d objects of a copy", asked, obtained)
		}
		for i, oid := range l.lost {
			a := h.Do(eve, http.MethodPost, "/api/models/eve/m/branch/b"+fmt.Sprint(i), map[string]any{"startingPoint": oid})
			b := h.Do(eve, http.MethodPost, "/api/models/eve/m/tag/"+oid, map[string]any{"tag": "t" + fmt.Sprint(i)})
			if a.Status != http.StatusNotFound || b.Status != http.StatusNotFound {
				t.Errorf("%s got a branch (%d) or a tag (%d) in a copy", oid, a.Status, b.Status)
			}
		}
		// A git that claims to have pushed what the hub should have already.
		u := as(t, h, eve)
		u.refused(l.dir, []string{"-c", "push.negotiate=false", "push", "-q", u.remote("alice/m"), "gone:refs/tags/x"}, "403")
		dir := t.TempDir()
		u.git("/", "clone", "-q", "--bare", u.remote("eve/m"), dir)
		tree, ok := u.try(dir, "100644 blob "+l.lost[3]+"\tstolen.txt\n", "git", "mktree", "--missing")
		if !ok {
			t.Fatal(tree)
		}
		commit := u.git(dir, "commit-tree", "-m", "stolen", strings.TrimSpace(tree))
		out, ok := u.try(dir, "", "git", "push", "origin", commit+":refs/heads/stolen")
		if ok {
			t.Errorf("a tree that names a lost file was taken:\n%s", out)
		}
	})
}

// A writer brings a commit back that no ref reaches, until it is collected; nobody reads it by its id before.
func TestWriterBringsBack(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice, eve := h.User("alice"), h.User("eve")
		l := lose(t, h, alice, "m", false, losses["force-push"])
		branch := func(who testhub.Caller, name string) int {
			return h.Do(who, http.MethodPost, "/api/models/alice/m/branch/"+name, map[string]any{"startingPoint": l.commits[0]}).Status
		}
		if a := h.Do(alice, http.MethodGet, "/alice/m/resolve/"+l.commits[0]+"/sub/secret.txt", nil); a.Status != http.StatusNotFound {
			t.Errorf("a writer reads a lost commit by its id: %d", a.Status)
		}
		if s := branch(eve, "mine"); s != http.StatusForbidden {
			t.Errorf("a reader brought it back: %d", s)
		}
		if s := branch(alice, "back"); s != http.StatusOK {
			t.Errorf("its writer could not bring it back: %d", s)
		}
		collectNow(t, h)
		if got := resolve(t, h, alice, "alice/m", "back", "sub/secret.txt"); got != secretText+"1" {
			t.Errorf("brought back: %q", got)
		}
		l.u.clone("alice/m")
		h.JSON(alice, http.MethodDelete, "/api/models/alice/m/branch/back", nil, nil)
		collectNow(t, h)
		if s := branch(alice, "again"); s != http.StatusNotFound {
			t.Errorf("brought back after it was collected: %d", s)
		}
		l.u.clone("alice/m")
	})
}

// noGrace keeps nothing that is not needed.
var noGrace = content.Keep{}

// collectNow does at once what the schedules do after a day.
func collectNow(t *testing.T, h *testhub.Hub) {
	t.Helper()
	if _, err := h.App.Tidy(t.Context(), noGrace); err != nil {
		t.Fatal(err)
	}
}

// askForLost asks all doors for what is lost, and counts what comes out.
func askForLost(t *testing.T, h *testhub.Hub, who testhub.Caller, l *lostHistory, id string) (asked, obtained int) {
	t.Helper()
	complain := func(format string, args ...any) {
		obtained++
		t.Errorf("%s of %s: %s", who.Name, id, fmt.Sprintf(format, args...))
	}
	u := as(t, h, who)
	for _, path := range lostPaths(h, l, id) {
		asked++
		method, body := http.MethodGet, any(nil)
		if strings.Contains(path, "/paths-info/") {
			method, body = http.MethodPost, map[string]any{"paths": []string{"sub/secret.txt", "sub"}}
		}
		a := h.Do(who, method, path, body)
		if a.Status < 400 || leaks(a.Body) {
			complain("%s: %d %.200s", path, a.Status, a.Body)
		}
	}
	empty := t.TempDir()
	u.git(empty, "init", "-q", "--bare")
	for _, oid := range l.lost {
		for _, version := range []string{"0", "2"} {
			asked++
			if out, ok := u.try(empty, "", "git", "-c", "protocol.version="+version, "-c", "credential.helper=", "fetch", "-q", u.remote(id), oid); ok {
				complain("fetched %s by version %s %s", oid, version, out)
			}
		}
	}
	clone := filepath.Join(t.TempDir(), "mirror")
	if _, ok := u.try("/", "", "git", "-c", "credential.helper=", "clone", "-q", "--mirror", u.remote(id), clone); ok {
		have := u.git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
		for _, oid := range l.lost {
			if asked++; strings.Contains(have, oid) {
				complain("a mirror has %s", oid)
			}
		}
	}
	return asked, obtained
}

// leaks reports whether the secret is in an answer, packed or not.
func leaks(body []byte) bool {
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		if plain, err := io.ReadAll(io.LimitReader(z, 10<<20)); err == nil {
			body = plain
		}
	}
	return bytes.Contains(body, []byte("password that was"))
}

// lostPaths are all addresses of the route table that read at a revision, for each lost object in each form.
func lostPaths(h *testhub.Hub, l *lostHistory, id string) []string {
	ns, repo, _ := strings.Cut(id, "/")
	var revs []string
	for _, oid := range l.lost {
		revs = append(revs, oid, oid[:7])
	}
	for _, c := range l.commits[:1] {
		revs = append(revs, c[:12], c[:39], c+"^0", "refs%2Fpr%2F1", "refs%2Fheads%2F"+c, "refs%2Ftags%2Fgone", "side")
	}
	var paths []string
	for _, rt := range h.Server.Routes() {
		at := strings.Contains(rt.Path, "{rev}") || strings.Contains(rt.Path, "{commit}") || strings.Contains(rt.Path, "{compare}") || strings.Contains(rt.Path, "{id}")
		if !at || !strings.Contains(rt.Path, "{repo}") || rt.Method != http.MethodGet && rt.ID != "pathsInfo" || strings.HasPrefix(rt.Path, "/datasets") || strings.HasPrefix(rt.Path, "/spaces") || strings.Contains(rt.Path, "-token/") { // a token is for a repository, whatever the revision
			continue
		}
		for _, rev := range revs {
			for _, compare := range []string{rev + "..main", "main..." + rev} {
				p := strings.NewReplacer("{repoType}", "models", "{namespace}", ns, "{repo}", repo, "{rev}", rev, "{commit}", rev, "{id}", rev,
					"{compare}", compare, "{path}", "sub/secret.txt").Replace(rt.Path)
				if len(paths) == 0 || paths[len(paths)-1] != p {
					paths = append(paths, p)
				}
			}
		}
	}
	return paths
}

// S28: once it is collected and freed, no file of the hub has it any more, be it small or large.
func TestCollectedIsGoneFromDisk(t *testing.T) {
	data := ""
	h := testhub.New(t, func(c *config.Config) { data = c.Data })
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	u := as(t, h, alice)
	dir := u.clone("alice/m")
	plain, small, large := stubbornText(3, 3000), stubbornText(1, 3000), stubbornText(2, 3_000_000)
	u.write(dir, "plain", plain)
	kept := u.commit(dir, "before")
	u.git(dir, "push", "-q", "origin", "main")
	for i, secret := range []string{small, large} {
		u.write(dir, fmt.Sprint("secret", i), secret)
		u.commit(dir, "a mistake")
		u.git(dir, "push", "-q", "origin", "main")
	}
	u.git(t.TempDir(), "clone", "-q", u.remote("alice/m"))
	marks := []string{small[1000:1064], large[1_000_000:1_000_064]}
	for _, m := range marks {
		if len(filesWith(t, data, m)) == 0 {
			t.Fatal("the search does not find what is there")
		}
	}
	u.git(dir, "push", "-q", "--force", "origin", kept+":main")
	collectNow(t, h)
	u.git(t.TempDir(), "clone", "-q", u.remote("alice/m"))
	for i, m := range marks {
		if files := filesWith(t, data, m); len(files) > 0 {
			t.Errorf("secret %d is still in %v", i, files)
		}
	}
	if len(filesWith(t, data, plain[1000:1064])) == 0 {
		t.Error("what was kept is not there")
	}
}

// stubbornText is text that zlib stores as it is.
func stubbornText(seed byte, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return string(b)
}

// filesWith are the files below a folder that hold some bytes.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}
