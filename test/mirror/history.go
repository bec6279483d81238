package mirror

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func line(key string, value map[string]any) string {
	b, err := json.Marshal(map[string]any{"key": key, "value": value})
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func (w *world) branch() {
	if len(w.branches) >= 8 {
		w.deleteBranch()
		return
	}
	w.names++
	name := fmt.Sprintf("b%d", w.names)
	if w.rnd.IntN(3) == 0 {
		name = "topic/" + name
	}
	w.branchAt(name, w.past(pick(w, w.branches)))
}

func (w *world) branchAt(name, commit string) {
	w.must("POST", "/branch/"+url.PathEscape(name), map[string]any{"startingPoint": commit})
	w.branches[name] = commit
	w.count("branch")
}

// feature is the life of a short branch: it begins at another, gets a commit or two, most often while the other gets one,
// and is merged back.
func (w *world) feature() {
	home := pick(w, w.branches)
	w.names++
	name := fmt.Sprintf("feature/%d", w.names)
	w.branchAt(name, w.branches[home])
	for range 1 + w.rnd.IntN(2) {
		w.commitOn(name)
	}
	if w.rnd.IntN(4) != 0 {
		w.commitOn(home)
	}
	w.mergeInto(home, name, w.branches[name])
	w.drop(name)
	w.count("feature")
}

func (w *world) deleteBranch() {
	name := pick(w, w.branches)
	if name == "main" {
		return
	}
	w.drop(name)
}

func (w *world) drop(name string) {
	w.must("DELETE", "/branch/"+url.PathEscape(name), nil)
	delete(w.branches, name)
	w.count("delete branch")
}

func (w *world) tag() {
	w.names++
	name := fmt.Sprintf("v%d", w.names)
	at := w.past(pick(w, w.branches))
	body := map[string]any{"tag": name}
	if w.rnd.IntN(2) == 0 {
		body["message"] = "tag of step " + name
	}
	w.must("POST", "/tag/"+at, body)
	w.tags[name] = at
	w.count("tag")
}

func (w *world) deleteTag() {
	if len(w.tags) == 0 {
		return
	}
	name := pick(w, w.tags)
	w.must("DELETE", "/tag/"+name, nil)
	delete(w.tags, name)
	w.count("delete tag")
}

// source is a revision to merge or to reset to, by one of its names, and its commit.
func (w *world) source() (rev, commit string) {
	b := pick(w, w.branches)
	switch {
	case len(w.tags) > 0 && w.rnd.IntN(6) == 0:
		t := pick(w, w.tags)
		return t, w.tags[t]
	case w.rnd.IntN(4) == 0:
		at := w.past(b)
		return at, at
	}
	return b, w.branches[b]
}

func (w *world) merge() {
	rev, from := w.source()
	w.mergeInto(pick(w, w.branches), rev, from)
}

// mergeInto merges in one of the ways that there are.
func (w *world) mergeInto(branch, rev, from string) {
	base := w.branches[branch]
	msg := fmt.Sprintf("merge in step %d", w.step)
	body := map[string]any{"from": rev, "message": msg}
	commands := [][]string{{"merge", "-q", "--ff", "-m", msg, from}}
	switch w.rnd.IntN(4) {
	case 0:
		body["fastForward"] = "never"
		commands[0][2] = "--no-ff"
	case 1:
		body["squash"] = true
		commands = [][]string{{"merge", "-q", "--squash", from}, {"commit", "-q", "-m", msg}}
	}
	if w.rnd.IntN(3) == 0 {
		body["allowUnrelated"] = true
		commands[0] = append(commands[0], "--allow-unrelated-histories")
	}
	w.what = fmt.Sprintf("merge %s (%s) into %s (%s), %v", rev, from, branch, base, body)
	if !w.compare("merge", branch, body, commands) && w.rnd.IntN(2) == 0 {
		w.resetTo(branch, rev, from) // as people do who give up; otherwise branches drift apart and nothing merges any more
	}
}

// compare does the same on both sides: a new head, a conflict on the same paths, or nothing to do. It reports whether
// they agreed without a conflict.
func (w *world) compare(op, branch string, body map[string]any, commands [][]string) bool {
	w.t.Helper()
	base := w.branches[branch]
	if w.rnd.IntN(5) == 0 {
		w.dryRun(op, branch, body)
	}
	status, a := w.call("POST", "/"+op+"/"+url.PathEscape(branch), body)
	who := stamp{w.c.Name, "x@example.com", 1}
	if a.Status == "created" {
		who = w.stamp(branch)
	}
	res := w.ref.run(who, base, commands...)
	switch {
	case res.broke:
		if status != http.StatusConflict && status != http.StatusUnprocessableEntity {
			w.t.Fatalf("%s: %d, though git breaks on it: %s", w.what, status, res.said)
		}
		w.count("git's own failure")
	case strings.Contains(res.said, "unrelated histories"):
		if status != http.StatusUnprocessableEntity {
			w.t.Fatalf("%s: %d %s, though git refuses unrelated histories", w.what, status, a.Error)
		}
		w.count(op + " of unrelated histories")
	case len(res.conflicts) > 0:
		w.sameConflicts(status, a, res)
		w.count(op + " with conflicts")
		return false
	case !res.ok && gaveUp(res.said):
		if status != http.StatusConflict || len(a.Conflicts) == 0 {
			w.t.Fatalf("%s: %d, though git gives up, with no path in its index to show for it: %s", w.what, status, res.said)
		}
		w.count(op + " with conflicts")
		return false
	case status != http.StatusOK:
		w.t.Fatalf("%s: %d %s %v, though git says %s", w.what, status, a.Error, a.Conflicts, res.said)
	case !res.ok || res.commit == base:
		if a.Status != "unchanged" || a.CommitOid != base {
			w.t.Fatalf("%s: %+v, though git finds nothing to do: %s", w.what, a, res.said)
		}
		w.count(op + " of nothing")
	default:
		w.same(a.CommitOid, res.commit)
		w.branches[branch] = res.commit
		w.count(op + " " + a.Status)
	}
	return true
}

// gaveUp tells a merge that failed from one that has nothing to do.
func gaveUp(said string) bool {
	return strings.Contains(said, "Automatic merge failed") || strings.Contains(said, "error: could not ")
}

func (w *world) sameConflicts(status int, a answer, res result) {
	w.t.Helper()
	var paths []string
	for _, c := range a.Conflicts {
		paths = append(paths, c.Path)
	}
	slices.Sort(paths)
	slices.Sort(res.conflicts)
	if status != http.StatusConflict || !slices.Equal(paths, res.conflicts) {
		w.t.Fatalf("%s: %d %s, conflicts on %q; git has them on %q:\n%s", w.what, status, a.Error, paths, res.conflicts, res.said)
	}
}

// dryRun tells what the real thing then does, and changes nothing.
func (w *world) dryRun(op, branch string, body map[string]any) {
	w.t.Helper()
	dry := map[string]any{"dryRun": true}
	for k, v := range body {
		dry[k] = v
	}
	status, a := w.call("POST", "/"+op+"/"+url.PathEscape(branch), dry)
	if status == http.StatusOK && (a.Status == "created") != (a.CommitOid == "") {
		w.t.Fatalf("dry run of %s: %+v", w.what, a)
	}
	w.count("dry run")
}

func (w *world) revert() { w.repeat("revert", "revert", "--no-edit") }

func (w *world) cherryPick() { w.repeat("cherry-pick", "cherry-pick") }

// repeat does a commit of some branch to a branch, or its reverse.
func (w *world) repeat(op string, command ...string) {
	branch := pick(w, w.branches)
	source := branch
	if op == "cherry-pick" || w.rnd.IntN(4) == 0 {
		source = pick(w, w.branches)
	}
	commit := w.past(source)
	body := map[string]any{"commit": commit}
	if parents := w.ref.parents(commit); len(parents) > 1 {
		n := 1 + w.rnd.IntN(len(parents))
		body["mainline"] = n
		command = append(command, "-m", fmt.Sprint(n))
	}
	w.what = fmt.Sprintf("%s %v on %s (%s)", op, body, branch, w.branches[branch])
	w.compare(op, branch, body, [][]string{append(command, commit)})
}

// squash makes one commit of a branch.
func (w *world) squash() {
	branch := pick(w, w.branches)
	tree, _, _ := strings.Cut(strings.TrimPrefix(string(w.ref.object(w.branches[branch])), "tree "), "\n")
	msg := fmt.Sprintf("squash in step %d", w.step)
	w.what = fmt.Sprintf("squash %s (%s)", branch, w.branches[branch])
	a := w.must("POST", "/super-squash/"+url.PathEscape(branch), map[string]any{"message": msg})
	oid := w.ref.commit(w.stamp(branch), "", msg+"\n", fmt.Sprintf("M 040000 %s \"\"\n", tree))
	w.same(a.CommitID, oid)
	w.files[oid] = w.list(w.branches[branch])
	w.arrive(branch, oid)
	w.count("squash")
}

func (w *world) reset() {
	branch := pick(w, w.branches)
	rev, to := w.source()
	w.resetTo(branch, rev, to)
}

func (w *world) resetTo(branch, rev, to string) {
	w.what = fmt.Sprintf("reset %s (%s) to %s (%s)", branch, w.branches[branch], rev, to)
	a := w.must("POST", "/reset/"+url.PathEscape(branch), map[string]any{"to": rev, "parentCommit": w.branches[branch]})
	if a.CommitOid != to {
		w.t.Fatalf("%s: %+v", w.what, a)
	}
	w.branches[branch] = to
	w.count("reset")
}

// push makes a commit in the reference, of what the API cannot make, and pushes it.
func (w *world) push() {
	branch := pick(w, w.branches)
	base := w.branches[branch]
	w.what = "push to " + branch
	w.ref.flush()
	w.ref.git("reset", "-q", "--hard", base)
	w.names++
	name := fmt.Sprintf("pushed%d", w.names)
	script := filepath.Join(w.ref.dir, name+".sh")
	if err := os.WriteFile(script, []byte(w.newText()), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(name+".sh", filepath.Join(w.ref.dir, name+".link")); err != nil {
		w.t.Fatal(err)
	}
	files := w.list(base)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if full := filepath.Join(w.ref.dir, filepath.FromSlash(p)); files[p].mode == "100644" && w.rnd.IntN(20) == 0 {
			if err := os.Chmod(full, 0o755); err != nil {
				w.t.Fatal(err)
			}
			break
		}
	}
	w.ref.git("add", "-A")
	w.ref.git("commit", "-q", "-m", w.what)
	oid := w.ref.git("rev-parse", "HEAD")
	w.ref.git("push", "-q", w.remote(), "HEAD:refs/heads/"+branch)
	w.arrive(branch, oid, base)
	w.count("push")
}
