package mirror

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Options choose a run.
type Options struct {
	Seed  uint64
	Steps int
	Check int // steps between looks at all refs and a clone
}

// world is one repository of the hub beside its reference.
type world struct {
	t    testing.TB
	h    *testhub.Hub
	c    testhub.Caller
	id   string
	rnd  *rand.Rand
	ref  *reference
	step int
	what string // of the step, for failures
	done map[string]int

	branches map[string]string           // name -> commit
	tags     map[string]string           // name -> commit
	files    map[string]map[string]entry // commit -> files
	parents  map[string][]string         // commit -> parents
	content  map[string]string           // blob -> bytes
	large    []string                    // pointers to large files that the hub has
	names    int
}

// Run does random steps on one repository of a hub. The repository's name is the seed.
func Run(t testing.TB, h *testhub.Hub, c testhub.Caller, o Options) map[string]int {
	t.Helper()
	w := &world{t: t, h: h, c: c, id: fmt.Sprintf("%s/seed-%d", c.Name, o.Seed), rnd: rand.New(rand.NewPCG(o.Seed, 1)), done: map[string]int{},
		branches: map[string]string{}, tags: map[string]string{}, files: map[string]map[string]entry{}, parents: map[string][]string{}, content: map[string]string{}}
	h.CreateRepo(c, hub.Model, w.id, false)
	w.ref = newReference(t, w.remote())
	w.branches["main"] = w.ref.git("rev-parse", "origin/main")
	for range 4 {
		w.names++
		text := fmt.Sprintf("large file %d of %d", w.names, o.Seed)
		sha, err := hub.ParseSHA256(h.Upload(c, hub.Model, w.id, text))
		if err != nil {
			t.Fatal(err)
		}
		w.large = append(w.large, string(git.Pointer{SHA256: sha, Size: int64(len(text))}.Encode()))
	}
	for w.step = range o.Steps {
		w.one()
		if t.Failed() {
			t.Fatalf("seed %d, step %d: %s", o.Seed, w.step, w.what)
		}
		if (w.step+1)%o.Check == 0 || w.step == o.Steps-1 {
			w.compareRefs()
			w.clone()
		}
	}
	return w.done
}

func (w *world) remote() string {
	u, err := url.Parse(w.h.URL + "/" + w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	u.User = url.UserPassword(w.c.Name, w.c.Token)
	return u.String()
}

// one does one step of a kind that is as likely as its weight.
func (w *world) one() {
	kinds := []struct {
		name   string
		weight int
		do     func()
	}{
		{"commit", 50, w.commit}, {"branch", 7, w.branch}, {"delete branch", 3, w.deleteBranch}, {"tag", 3, w.tag}, {"delete tag", 1, w.deleteTag},
		{"merge", 9, w.merge}, {"feature", 8, w.feature}, {"revert", 7, w.revert}, {"cherry-pick", 7, w.cherryPick}, {"squash", 1, w.squash}, {"reset", 3, w.reset}, {"push", 1, w.push},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := w.rnd.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			w.what = k.name
			k.do()
			return
		}
	}
}

func (w *world) count(what string) { w.done[what]++ }

// answer is what the hub says to any of the calls here.
type answer struct {
	Error, CommitOid, CommitID, Status, TreeOid string
	Conflicts                                   []struct{ Path, Kind string }
}

func (w *world) call(method, path string, body any, headers ...string) (int, answer) {
	w.t.Helper()
	a := w.h.Do(w.c, method, "/api/models/"+w.id+path, body, headers...)
	var out answer
	if err := json.Unmarshal(a.Body, &out); err != nil {
		w.t.Fatalf("%s %s: %d %.300s", method, path, a.Status, a.Body)
	}
	return a.Status, out
}

func (w *world) must(method, path string, body any, headers ...string) answer {
	w.t.Helper()
	status, out := w.call(method, path, body, headers...)
	if status != http.StatusOK {
		w.t.Fatalf("step %d, %s: %s %s %v: %d %s", w.step, w.what, method, path, body, status, out.Error)
	}
	return out
}

// stamp is who made the commit that a branch is at, and when, as the hub tells.
func (w *world) stamp(branch string) stamp {
	w.t.Helper()
	var list []struct{ ID, Date string }
	w.h.JSON(w.c, http.MethodGet, "/api/models/"+w.id+"/commits/"+url.PathEscape(branch)+"?limit=1", nil, &list)
	at, err := time.Parse(time.RFC3339, list[0].Date)
	if err != nil {
		w.t.Fatal(err)
	}
	return stamp{w.c.Name, w.c.Name + "@users.noreply.cairn", at.Unix()}
}

// same compares the hub's commit with git's.
func (w *world) same(hubs, gits string) {
	w.t.Helper()
	if hubs == gits {
		return
	}
	w.ref.flush()
	seen, _ := w.ref.try(nil, "cat-file", "-p", gits)
	_, _ = w.ref.try(nil, "fetch", "-q", w.remote(), "+refs/heads/*:refs/hub/*")
	theirs, _ := w.ref.try(nil, "cat-file", "-p", hubs)
	diff, _ := w.ref.try(nil, "diff", gits, hubs)
	w.t.Fatalf("step %d, %s\nthe hub has %s\n%s\ngit has %s\n%s\n%s", w.step, w.what, hubs, theirs, gits, seen, diff)
}

// list is the files of a commit. Do not change it.
func (w *world) list(commit string) map[string]entry {
	if f := w.files[commit]; f != nil {
		return f
	}
	f := w.ref.list(commit)
	w.files[commit] = f
	return f
}

// text is a file's bytes.
func (w *world) text(oid string) string {
	s, ok := w.content[oid]
	if !ok {
		s = string(w.ref.object(oid))
		w.content[oid] = s
	}
	return s
}

func (w *world) blob(text string) entry {
	oid := git.Hash(git.KindBlob, []byte(text)).String()
	w.content[oid] = text
	return entry{"100644", oid}
}

// pick is a random key.
func pick[V any](w *world, m map[string]V) string {
	keys := slices.Sorted(maps.Keys(m))
	return keys[w.rnd.IntN(len(keys))]
}

// past is a commit in the history of a branch, most often a recent one.
func (w *world) past(branch string) string {
	at := w.branches[branch]
	for w.rnd.IntN(4) != 0 {
		p, ok := w.parents[at]
		if !ok {
			p = w.ref.parents(at)
			w.parents[at] = p
		}
		if len(p) == 0 {
			break
		}
		at = p[w.rnd.IntN(len(p))]
	}
	return at
}

// compareRefs compares all branches and tags.
func (w *world) compareRefs() {
	w.t.Helper()
	var refs struct {
		Branches, Tags []struct{ Name, TargetCommit string }
	}
	w.h.JSON(w.c, http.MethodGet, "/api/models/"+w.id+"/refs", nil, &refs)
	got := map[string]string{}
	for _, b := range refs.Branches {
		got[b.Name] = b.TargetCommit
	}
	if !maps.Equal(got, w.branches) {
		w.t.Fatalf("step %d: the hub's branches are %v, not %v", w.step, got, w.branches)
	}
	if len(refs.Tags) != len(w.tags) {
		w.t.Fatalf("step %d: the hub has %d tags, not %d", w.step, len(refs.Tags), len(w.tags))
	}
}

// clone clones the hub's repository: git fsck finds nothing, and all refs are where they should be.
func (w *world) clone() {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "clone.git")
	run := func(args ...string) string {
		w.t.Helper()
		cmd := exec.CommandContext(w.t.Context(), "git", args...)
		cmd.Dir, cmd.Env = w.ref.dir, w.ref.env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			w.t.Fatalf("step %d: git %s: %v\n%s", w.step, args[0], err, out.String())
		}
		return out.String()
	}
	run("clone", "-q", "--mirror", w.remote(), dir)
	if said := run("-C", dir, "fsck", "--strict", "--full", "--no-dangling", "--no-progress"); said != "" {
		w.t.Fatalf("step %d: git fsck --strict says\n%s", w.step, said)
	}
	want := []string{}
	for name, oid := range w.branches {
		want = append(want, oid+" refs/heads/"+name)
	}
	for name, oid := range w.tags {
		want = append(want, oid+" refs/tags/"+name)
	}
	slices.Sort(want)
	got := strings.Split(strings.TrimSpace(run("-C", dir, "for-each-ref", "--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end) %(refname)")), "\n")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Fatalf("step %d: a clone has\n%s\nnot\n%s", w.step, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.count("clone")
}
