package gitclient

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// oddObjects makes objects that git's own commands would not make, each with what it needs to be pushed.
type oddObjects struct {
	u   *user
	dir string
	all []string // ids to push, the tip last
}

// add writes an object whatever is in it.
func (o *oddObjects) add(kind, data string) string {
	o.u.t.Helper()
	out, ok := o.u.try(o.dir, data, "git", "hash-object", "-t", kind, "--literally", "-w", "--stdin")
	if !ok {
		o.u.t.Fatalf("hash-object: %s", out)
	}
	id := strings.TrimSpace(out)
	o.all = append(o.all, id)
	return id
}

func raw(t *testing.T, hexID string) string {
	t.Helper()
	oid, err := hub.ParseOID(hexID)
	if err != nil {
		t.Fatal(err)
	}
	return string(oid[:])
}

const person = "A U Thor <a@example.com> 1700000000 +0000"

// inTree is a commit of a tree with these entries: mode, name, and the content of a blob.
func (o *oddObjects) inTree(entries ...[3]string) {
	var tree strings.Builder
	for _, e := range entries {
		kind := "blob"
		if strings.TrimLeft(e[0], "0") == "40000" {
			kind = "tree"
		}
		tree.WriteString(e[0] + " " + e[1] + "\x00" + raw(o.u.t.(*testing.T), o.add(kind, e[2])))
	}
	o.ofTree(tree.String())
}

// ofTree is a commit of a tree with these bytes.
func (o *oddObjects) ofTree(tree string) { o.commit("tree "+o.add("tree", tree), "", "") }

// commit is a commit with this first line and, unless empty, these people.
func (o *oddObjects) commit(tree, people, message string) {
	if people == "" {
		people = "author " + person + "\ncommitter " + person + "\n"
	}
	o.add("commit", tree+"\n"+people+"\n"+message)
}

func (o *oddObjects) empty() string { return "tree " + o.add("tree", "") }

// tag is an annotated tag of a commit; lines has %s for its id.
func (o *oddObjects) tag(lines string) {
	o.commit(o.empty(), "", "x\n")
	o.add("tag", strings.ReplaceAll(lines, "%s", o.all[len(o.all)-1]))
}

const modules = "[submodule \"a\"]\n\tpath = a\n\turl = "

func file(name string) func(*oddObjects) {
	return func(o *oddObjects) { o.inTree([3]string{"100644", name, "x"}) }
}

func people(lines string) func(*oddObjects) {
	return func(o *oddObjects) { o.commit(o.empty(), lines, "x\n") }
}

func author(who string) func(*oddObjects) {
	return people("author " + who + "\ncommitter " + person + "\n")
}

func tree(entries ...[3]string) func(*oddObjects) {
	return func(o *oddObjects) { o.inTree(entries...) }
}

func tag(lines string) func(*oddObjects) { return func(o *oddObjects) { o.tag(lines) } }

func module(text string) func(*oddObjects) { return tree([3]string{"100644", ".gitmodules", text}) }

// objects of hostile and of merely odd makers. git says which is which.
var objects = map[string]func(*oddObjects){
	"..": file(".."), ".": file("."), ".git": file(".git"), ".GIT": file(".GIT"), "git~1": file("git~1"), ".git and a space": file(".git "),
	".git::$INDEX_ALLOCATION": file(".git::$INDEX_ALLOCATION"), "HFS's .git": file(".g\u200cit"), "backslash .git": file("a\\.git\\x"), "a slash": file("a/b"), "no name": file(""),
	"zero-padded mode": tree([3]string{"0100644", "a", "x"}), "zero-padded folder": tree([3]string{"040000", "a", ""}),
	"a mode of old": tree([3]string{"100664", "a", "x"}), "an impossible mode": tree([3]string{"100600", "a", "x"}),
	"not sorted": tree([3]string{"100644", "b", "x"}, [3]string{"100644", "a", "y"}), "one name twice": tree([3]string{"100644", "a", "x"}, [3]string{"100644", "a", "y"}),
	"a file and a folder":   tree([3]string{"100644", "a", "x"}, [3]string{"100644", "a.b", "y"}, [3]string{"40000", "a", ""}),
	"a null id":             func(o *oddObjects) { o.ofTree("100644 a\x00" + strings.Repeat("\x00", 20)) },
	"a tree cut short":      func(o *oddObjects) { o.ofTree("100644 a\x00short") },
	"no such blob":          func(o *oddObjects) { o.ofTree("100644 a\x00" + strings.Repeat("\x07", 20)) },
	".gitmodules as a link": tree([3]string{"120000", ".gitmodules", "x"}), ".gitignore as a link": tree([3]string{"120000", ".gitignore", "x"}), ".gitattributes as a link": tree([3]string{"120000", ".gitattributes", "x"}), ".mailmap as a link": tree([3]string{"120000", ".mailmap", "x"}),
	"NTFS's .gitmodules as a link": tree([3]string{"120000", "GITMOD~1", "x"}), "a hashed .gitmodules as a link": tree([3]string{"120000", "gi7eba~1", "x"}),
	"a submodule's url is an option": module(modules + "-u./payload\n"), "a submodule's url has a line break": module(modules + "\"https://example.com/%0ahost=evil\"\n"),
	"a submodule's path is an option": module("[submodule \"a\"]\n\tpath = -x\n\turl = https://example.com/a\n"), "a submodule's name leads out": module("[submodule \"../../x\"]\n\tpath = a\n\turl = https://example.com/a\n"),
	"a submodule's update is a command": module("[submodule \"a\"]\n\tpath = a\n\turl = https://example.com/a\n\tupdate = !touch x\n"), "a submodule with CR": module("[submodule \"a\"]\n\tpath = \"a\r\"\n\turl = https://example.com/a\n"),
	"a good submodule": module(modules + "https://example.com/a.git\n"), "no .gitmodules at all": module("this is [no configuration"), "relative submodule": module(modules + "../other.git\n"),
	"a long line of .gitattributes": tree([3]string{"100644", ".gitattributes", strings.Repeat("x", 2100) + "\n"}),
	"no author":                     people("committer " + person + "\n"), "no committer": people("author " + person + "\n"), "two authors": people("author " + person + "\nauthor " + person + "\ncommitter " + person + "\n"),
	"no tree": func(o *oddObjects) { o.commit("parent "+strings.Repeat("1", 40), "", "x") }, "a tree that is none": func(o *oddObjects) { o.commit("tree 123", "", "x") },
	"no space before the address": author("A<a@example.com> 1700000000 +0000"), "no space before the date": author("A <a@example.com>1700000000 +0000"), "no address": author("A 1700000000 +0000"),
	"a bad name": author("A > B <a@example.com> 1700000000 +0000"), "no date": author("A <a@example.com>"), "a zero-padded date": author("A <a@example.com> 0170000000 +0000"),
	"a date too far": author("A <a@example.com> 99999999999999999999 +0000"), "a bad zone": author("A <a@example.com> 1700000000 0000"), "a zone of old": author("A <a@example.com> 1700000000 +051800"),
	"NUL in a message": func(o *oddObjects) { o.commit(o.empty(), "", "a\x00b\n") }, "NUL in a header": author("A\x00B <a@example.com> 1700000000 +0000"), "a bad parent": func(o *oddObjects) { o.commit(o.empty()+"\nparent 123", "", "x\n") },
	"nobody": author(" <> 0 +0000"), "an address alone": author("<a@example.com> 1700000000 +1400"), "latin1": func(o *oddObjects) { o.commit(o.empty(), "", "caf\xe9\n") },
	"an encoding": people("author " + person + "\ncommitter " + person + "\nencoding ISO-8859-1\n"), "Mercurial's headers": people("author " + person + "\ncommitter " + person + "\nHG:extra a:b\nHG:rename c:d\n"),
	"no message": func(o *oddObjects) { o.commit(o.empty(), "", "") }, "no line break": func(o *oddObjects) { o.commit(o.empty(), "", "x") }, "CR in a message": func(o *oddObjects) { o.commit(o.empty(), "", "a\r\nb\r\n") },
	"a tag of nothing": tag("type commit\ntag t\ntagger " + person + "\n\nx\n"), "a tag without a type": tag("object %s\ntag t\ntagger " + person + "\n\nx\n"), "a tag of an unknown type": tag("object %s\ntype thing\ntag t\ntagger " + person + "\n\nx\n"),
	"a tag of another type": tag("object %s\ntype tree\ntag t\ntagger " + person + "\n\nx\n"), "a tag without a name": tag("object %s\ntype commit\ntagger " + person + "\n\nx\n"), "a tag without a tagger": tag("object %s\ntype commit\ntag t\n\nx\n"),
	"a tag with an odd name": tag("object %s\ntype commit\ntag a..b\ntagger " + person + "\n\nx\n"), "a tag with a bad tagger": tag("object %s\ntype commit\ntag t\ntagger A<a> 1 +0000\n\nx\n"), "a good tag": tag("object %s\ntype commit\ntag t\ntagger " + person + "\n\nx\n"),
	"a tag with a header more": tag("object %s\ntype commit\ntag t\ntagger " + person + "\nfoo bar\n\nx\n"),
}

// S4: a push refuses exactly what git fsck --strict calls an error.
func TestPushRefusesWhatFsckRefuses(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		refused, taken := 0, 0
		for n, name := range sortedKeys(objects) {
			o := &oddObjects{u: u, dir: filepath.Join(t.TempDir(), "odd")}
			u.git("/", "init", "-q", "--bare", o.dir)
			objects[name](o)
			tip := o.all[len(o.all)-1]
			report, ok := u.try(o.dir, "", "git", "fsck", "--strict", "--no-dangling", tip)
			pack := packOf(u, o.dir, o.all)
			ref := fmt.Sprintf("refs/tags/odd-%d", n)
			body := git.AppendFlush(git.AppendPkt(nil, strings.Repeat("0", 40)+" "+tip+" "+ref+"\x00report-status"))
			a := h.Do(alice, http.MethodPost, "/alice/m/git-receive-pack", append(body, pack...), "Content-Type", "application/x-git-receive-pack-request")
			if a.Status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
			if got := strings.Contains(string(a.Body), "ok "+ref); got != ok {
				t.Errorf("%s: taken %v: %q; git fsck --strict:\n%s", name, got, a.Body, report)
			}
			if ok {
				taken++
			} else {
				refused++
			}
		}
		if out := u.git("/", "ls-remote", u.remote("alice/m"), "refs/tags/odd-*"); strings.Count(out+"\n", "\n")-strings.Count(out, "^{}") != taken {
			t.Errorf("%d were taken, there are\n%s", taken, out)
		}
		t.Logf("S4: %d objects, %d refused as by git fsck --strict, %d taken", len(objects), refused, taken)
		if refused < 40 {
			t.Errorf("only %d hostile objects", refused)
		}
		u.git("/", "clone", "-q", "--mirror", u.remote("alice/m"), filepath.Join(t.TempDir(), "odd")) // the odd ones are served
	})
}

func sortedKeys[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// packOf packs objects as they are.
func packOf(u *user, dir string, ids []string) []byte {
	u.t.Helper()
	cmd := exec.CommandContext(u.t.Context(), "git", "pack-objects", "--stdout", "-q")
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = dir, u.env, strings.NewReader(strings.Join(ids, "\n")+"\n"), os.Stderr
	pack, err := cmd.Output()
	if err == nil && !bytes.HasPrefix(pack, []byte("PACK")) {
		err = fmt.Errorf("no pack")
	}
	if err != nil {
		u.t.Fatalf("pack-objects: %v", err)
	}
	return pack
}

// S4: what git fsck refuses of the files that git itself reads is refused by the commit API too, however it gets there.
func TestCommitRefusesWhatFsckRefuses(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		evil := "[submodule \"a\"]\n\tpath = a\n\turl = -u./payload\n"
		long := strings.Repeat("x", 2048)
		head := h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"evil.txt": evil, "long.txt": long, "good.txt": modules + "https://example.com/a\n"})
		try := func(what string, want int, value map[string]any) {
			t.Helper()
			key := "file"
			if _, ok := value["srcPath"]; ok {
				key = "copyFile"
			}
			body := lines(t, []map[string]any{{"key": "header", "value": map[string]any{"summary": "s"}}, {"key": key, "value": value}})
			a := h.Do(alice, http.MethodPost, "/api/models/alice/m/commit/main", body, "Content-Type", "application/x-ndjson")
			if a.Status != want || want == 422 && !strings.Contains(string(a.Body), "gitmodulesUrl") && !strings.Contains(string(a.Body), "all that git reads") {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		for _, path := range []string{".gitmodules", "sub/.gitmodules", ".GITMODULES", ".gitmodules ", "gitmod~1", "GI7EBA~1", ".git\u200cmodules"} {
			try("file "+path, 422, map[string]any{"path": path, "content": evil, "encoding": "utf-8"})
			try("copy "+path, 422, map[string]any{"path": path, "srcPath": "evil.txt"})
			try("move "+path, 422, map[string]any{"path": path, "oldPath": "evil.txt"})
		}
		try("attributes", 422, map[string]any{"path": ".gitattributes", "content": long, "encoding": "utf-8"})
		try("attributes, moved", 422, map[string]any{"path": "a/.gitattributes", "oldPath": "long.txt"})
		if a := h.Do(alice, http.MethodPost, "/api/repos/create", map[string]any{"name": "evil", "files": []map[string]any{{"path": ".gitmodules", "content": evil}}}); a.Status != 422 {
			t.Errorf("a new repository with it: %d %s", a.Status, a.Body)
		}
		u := as(t, h, alice)
		if got, _, _ := strings.Cut(u.git("/", "ls-remote", u.remote("alice/m"), "refs/heads/main"), "\t"); got != head {
			t.Errorf("the branch moved to %s", got)
		}
		try("a good one", 200, map[string]any{"path": ".gitmodules", "srcPath": "good.txt"})
		try("good attributes", 200, map[string]any{"path": ".gitattributes", "content": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "encoding": "utf-8"})
		u.clone("alice/m")
	})
}
