package hostile

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/test/crash"
)

// trace is what a traced hub and its children did.
type trace struct {
	t    *testing.T
	data string
	git  map[string]bool // numbers of processes that have become git
	runs map[string]int  // git's commands
}

var (
	execLine = regexp.MustCompile(`^(\d+) +execve\("([^"]*)", \[(.*?)\], \[(.*)\]\) = (.*)$`)
	dirLine  = regexp.MustCompile(`^(\d+) +chdir\("([^"]*)"`)
	openLine = regexp.MustCompile(`^(\d+) +openat\([^,]*, "([^"]*)", ([A-Z_|]+).*$`)
	word     = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	ownEnv   = regexp.MustCompile(`^(PATH=/[\w/.-]*(:.*)?|HOME=/nonexistent|LC_ALL=C|GIT_CONFIG_NOSYSTEM=1|GIT_CONFIG_GLOBAL=/dev/null|GIT_TERMINAL_PROMPT=0|GIT_NO_REPLACE_OBJECTS=1|` +
		`GIT_PROTOCOL=version=2|GIT_(DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES)=DATA/cache/git/warm/.*|GIT_ATTR_NOSYSTEM=1|GIT_ATTR_SOURCE=[0-9a-f]{40})$`)
	// What upload-pack starts in turn. The filter is the only word of a client's, in git's own spelling.
	childEnv = regexp.MustCompile(`^(GIT_DIR=\.|GIT_EXEC_PATH=/usr/(local/)?(lib|libexec)/git-core|GIT_NO_LAZY_FETCH=1|PATH=/usr/(local/)?(lib|libexec)/git-core:.*)$`)
	child    = regexp.MustCompile(`^/usr/(?:local/)?(?:lib|libexec)/git-core/git( --shallow-file )? (pack-objects --revs( --thin)? --stdout( --shallow)?( --progress)?( --delta-base-offset)?( --include-tag)?( --filter=[a-z0-9:=+%]+)?|rev-list --stdin)$`)
)

func words(list string) (out []string) {
	for _, m := range word.FindAllStringSubmatch(list, -1) {
		out = append(out, m[1])
	}
	return out
}

func (tr *trace) line(line string) {
	if m := execLine.FindStringSubmatch(line); m != nil {
		tr.exec(m[1], m[2], words(m[3]), words(m[4]))
		return
	}
	if m := dirLine.FindStringSubmatch(line); m != nil && filepath.IsAbs(m[2]) && !tr.warm(m[2]) {
		tr.t.Errorf("a process went to %s", m[2])
	}
	if m := openLine.FindStringSubmatch(line); m != nil && strings.Contains(m[3], "O_WRONLY") || m != nil && strings.Contains(m[3], "O_RDWR") {
		tr.write(m[1], m[2])
	}
}

func (tr *trace) exec(pid, path string, args, env []string) {
	if len(args) > 1 && args[1] == "serve" { // the hub itself
		return
	}
	tr.git[pid] = true
	command := strings.Join(args, " ")
	if filepath.Base(path) != "git" || len(args) == 0 {
		tr.t.Errorf("a process was started: %s %q", path, args)
		return
	}
	root := filepath.Join(tr.data, "cache", "git", "warm")
	if !gitstore.KnownForm(args[1:], root) && !child.MatchString(command) && command != "git version" {
		tr.t.Errorf("git was started in an unknown form: %q", args)
	}
	for _, e := range env {
		if child.MatchString(command) && childEnv.MatchString(e) {
			continue
		}
		if !ownEnv.MatchString(strings.ReplaceAll(e, tr.data, "DATA")) && command != "git version" {
			tr.t.Errorf("%s has %q in its environment", command, e)
		}
	}
	for _, a := range args[1:] {
		if a != "" && !strings.HasPrefix(a, "-") && !strings.Contains(a, "=") {
			tr.runs[a]++
			break
		}
	}
}

// warm reports whether a path is in the hub's folder for warm copies.
func (tr *trace) warm(path string) bool {
	return strings.HasPrefix(path, filepath.Join(tr.data, "cache", "git", "warm")+"/")
}

// write looks at a file that was opened for writing: git's configuration is the hub's to write, and nothing lies in hooks.
func (tr *trace) write(pid, path string) {
	name := filepath.Base(path)
	inside := tr.warm(path)
	switch {
	case strings.Contains(path, "/hooks/"), name == ".gitconfig", name == "config.worktree", name == "alternates", name == "attributes":
		tr.t.Errorf("%s was opened for writing", path)
	case name == "config" && (!inside || tr.git[pid]):
		tr.t.Errorf("the configuration %s was opened for writing", path)
	case tr.git[pid] && filepath.IsAbs(path) && !inside && path != "/dev/null":
		tr.t.Errorf("git opened %s for writing", path)
	}
}

// S5: whatever is sent, the hub starts nothing but git, in the forms that are known, with an environment of its own, and
// nobody writes a configuration or a hook.
func TestNoCodeRuns(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("the test needs strace: run test/setup.sh")
	}
	dir := t.TempDir()
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "trace")
	h := crash.NewHub(t, data)
	h.Under = []string{"strace", "-f", "-qq", "-v", "-s", "4096", "-e", "trace=execve,openat,chdir", "-e", "signal=none", "--seccomp-bpf", "-o", log}
	t.Cleanup(func() { endTraced(h) }) // who ends strace alone leaves the hub running
	h.MustStart(t)
	c := crash.NewClient(h)
	if a := c.CreateRepo("m"); !a.OK() {
		t.Fatal(a)
	}
	canary := filepath.Join(dir, "canary")
	attackCode(t, h, c, canary)
	endTraced(h)
	tr := &trace{t: t, data: data, git: map[string]bool{}, runs: map[string]int{}}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		tr.line(lines.Text())
	}
	if left, _ := filepath.Glob(canary + "*"); len(left) > 0 {
		t.Errorf("code has run: %v", left)
	}
	for _, want := range []string{"index-pack", "upload-pack", "pack-objects", "merge-tree"} {
		if tr.runs[want] == 0 {
			t.Errorf("git %s was never seen: the trace shows nothing (%d lines)", want, n)
		}
	}
	t.Logf("S5: %d calls traced; git ran as %v; nothing else", n, tr.runs)
}

// endTraced ends the hub below strace, and so strace.
func endTraced(h *crash.Hub) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", h.PID()))
	for _, path := range tasks {
		b, _ := os.ReadFile(path)
		for _, child := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(child); err == nil {
				_ = syscall.Kill(n, syscall.SIGKILL)
			}
		}
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && len(tasks) > 0; time.Sleep(20 * time.Millisecond) {
		if b, _ := os.ReadFile(tasks[0]); len(strings.Fields(string(b))) == 0 {
			return
		}
	}
}

// attackCode sends what made other hubs run code, and ordinary clones and pushes between.
func attackCode(t *testing.T, h *crash.Hub, c *crash.Client, canary string) {
	t.Helper()
	touch := "touch " + canary
	evil := []string{"--upload-pack=" + touch, "--output=" + canary, "-c core.fsmonitor=" + touch, "$(" + touch + ")", "`" + touch + "`", ";" + touch, "|" + touch, "--exec=" + touch, "ext::sh -c " + touch, "-O" + canary, "../../config", "HEAD\n--output=" + canary, "a\x00b"}
	work := t.TempDir()
	remote := strings.Replace(h.URL, "://", "://admin:"+h.Token+"@", 1) + "/admin/m"
	run := func(ok bool, args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = work
		cmd.Env = []string{"HOME=" + work, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_TERMINAL_PROMPT=0"}
		if out, err := cmd.CombinedOutput(); (err == nil) != ok {
			t.Errorf("git %q: %v: %s", args, err, out)
		}
	}
	run(true, "clone", "-q", remote, "c")
	run(true, "clone", "-q", "--depth=1", remote, "shallow")
	run(true, "clone", "-q", "--filter=blob:none", remote, "partial")
	run(false, "clone", "-q", "--no-checkout", "--filter=sparse:oid=main:"+evil[1], remote, "sparse")
	for name, text := range map[string]string{".gitattributes": "* filter=evil diff=evil merge=evil text\n", "config": "[core]\n\tfsmonitor = " + touch + "\n", "hooks/pre-receive": "#!/bin/sh\n" + touch + "\n", "-rf": "x", "$(" + strings.ReplaceAll(touch, "/", "_") + ")": "x"} {
		full := filepath.Join(work, "c", name)
		if os.MkdirAll(filepath.Dir(full), 0o755) != nil || os.WriteFile(full, []byte(text), 0o755) != nil {
			t.Fatal("write")
		}
	}
	run(true, "-C", "c", "add", "-A")
	run(true, "-C", "c", "commit", "-q", "-m", evil[3]+"\n"+evil[1])
	run(true, "-C", "c", "push", "-q", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/$(id)", "HEAD:refs/heads/`id`", "HEAD:refs/tags/a;id")
	run(true, "-C", "shallow", "fetch", "-q", "--unshallow")
	run(false, "-C", "shallow", "fetch", "-q", "--shallow-exclude=$(id)") // which has all there is
	change := func(from, to string) {                                     // both branches change one file, so that it takes git to merge them
		text := strings.Replace(strings.Repeat("a line\n", 3)+"first\n"+strings.Repeat("a line\n", 30)+"last\n", from, to, 1)
		if err := os.WriteFile(filepath.Join(work, "c", "lines.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run(true, "-C", "c", "add", "-A")
		run(true, "-C", "c", "commit", "-q", "-m", "now "+to)
	}
	change("", "")
	run(true, "-C", "c", "branch", "side")
	change("first", "$(id)")
	run(true, "-C", "c", "push", "-q", "origin", "HEAD:refs/heads/main")
	run(true, "-C", "c", "checkout", "-q", "side")
	change("last", "`id`")
	run(true, "-C", "c", "push", "-q", "origin", "side")

	f := &forge{t: t}
	tree := f.object(git.KindTree, nil)
	tip := f.object(git.KindCommit, commitOf(tree))
	for _, e := range evil {
		q, p := url.QueryEscape(e), url.PathEscape(e)
		for _, path := range []string{"/admin/m/info/refs?service=" + q, "/admin/m.git/info/refs?service=git-upload-pack&x=" + q, "/admin/" + p + "/info/refs?service=git-upload-pack", "/api/models/admin/m/revision/" + p, "/api/models/admin/m/tree/" + p,
			"/api/models/admin/m/tree/main/" + p, "/api/models/admin/m/commits/" + p, "/api/models/admin/m/commits/main?path=" + q, "/api/models/admin/m/commit/" + p, "/api/models/admin/m/compare/" + p + "..main", "/api/models/admin/m/compare/main.." + p + "?raw=true",
			"/api/models/admin/m/blame/main/" + p, "/admin/m/resolve/" + p + "/x", "/admin/m/archive/" + p + ".tar.gz", "/admin/m/archive/" + p + ".zip"} {
			if a := c.Do(http.MethodGet, path, nil); a.Status >= 500 && a.Status != http.StatusNotImplemented {
				t.Errorf("%s: %s", path, a)
			}
		}
		ref := "refs/heads/" + e
		push(c, "m", bomb{commands: commands(ref, tip), pack: f.pack(-1)})
		push(c, "m", bomb{commands: git.AppendFlush(git.AppendPkt(nil, strings.Repeat("0", 40)+" "+tip.String()+" refs/heads/x\x00report-status push-options agent="+e)), pack: f.pack(-1)})
		for _, body := range []string{"deepen-not " + e, "filter " + e, "filter sparse:path=" + e, "want " + e, "want-ref " + e, "shallow " + e, "packfile-uris " + e} {
			b := append([]byte("0012command=fetch0001"), git.AppendPkt(git.AppendPkt(nil, "want "+tip.String()), body)...)
			c.Do(http.MethodPost, "/admin/m/git-upload-pack", git.AppendFlush(git.AppendPkt(b, "done")), "Content-Type", "application/x-git-upload-pack-request", "Git-Protocol", "version=2")
		}
		c.Do(http.MethodPost, "/admin/m/git-upload-pack", git.AppendFlush(git.AppendPkt(nil, "command=ls-refs")), "Content-Type", "application/x-git-upload-pack-request", "Git-Protocol", "version=2:"+strings.Map(printable, e))
		for _, op := range []string{"merge", "revert", "cherry-pick", "reset"} {
			c.Do(http.MethodPost, "/api/models/admin/m/"+op+"/main", map[string]any{"from": e, "commit": e, "to": e, "message": e})
		}
		c.Do(http.MethodPost, "/api/models/admin/m/branch/"+p, map[string]any{"startingPoint": e})
		c.Do(http.MethodPost, "/api/models/admin/m/tag/main", map[string]any{"tag": e, "message": e})
	}
	if a := c.Do(http.MethodPost, "/api/models/admin/m/merge/main", map[string]any{"from": "side", "message": evil[3]}); !a.OK() {
		t.Errorf("an honest merge: %s", a)
	}
	for _, b := range bombs(t)[:1] {
		push(c, "m", b)
	}
	modules := f.object(git.KindBlob, []byte("[submodule \"a\"]\n\tpath = a\n\turl = -u"+touch+"\n"))
	bad := f.object(git.KindCommit, commitOf(f.object(git.KindTree, folder(entry(".gitmodules", git.ModeFile, modules)))))
	if a := push(c, "m", bomb{commands: commands("refs/heads/modules", bad), pack: f.pack(-1)}); !strings.Contains(string(a.Body), "gitmodulesUrl") {
		t.Errorf("an evil submodule: %s", a)
	}
	if found := runnable(h.Data); len(found) > 0 {
		t.Errorf("files that could be run: %v", found)
	}
}

func printable(r rune) rune {
	if r < ' ' {
		return '_'
	}
	return r
}

// runnable are files below the data folder that could be run, by git or by anybody: a store may be mounted noexec.
func runnable(data string) (found []string) {
	_ = filepath.WalkDir(data, func(path string, d os.DirEntry, _ error) error {
		if slices.Contains([]string{"hooks", ".gitconfig"}, filepath.Base(path)) {
			found = append(found, path)
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			found = append(found, path)
		}
		return nil
	})
	return found
}
