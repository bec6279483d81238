package mirror

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// reference is a repository in which git alone works. Commits of files go through one fast-import that lives as long as
// it does; what merges is done by git's own commands in the working tree.
type reference struct {
	t     testing.TB
	dir   string
	env   []string
	imp   *pipe          // git fast-import
	cat   *pipe          // git cat-file --batch
	marks map[string]int // fast-import's numbers of the commits that it made
	last  int
	kept  bool // it has written all that it has
}

// pipe is a process that answers on its standard output.
type pipe struct {
	in  io.WriteCloser
	out *bufio.Reader
}

const conf = `[user]
	name = nobody
	email = nobody@example.com
[gc]
	auto = 0
[maintenance]
	auto = false
[core]
	fsync = none
[advice]
	detachedHead = false
`

// newReference clones a remote to begin with what it has.
func newReference(t testing.TB, remote string) *reference {
	t.Helper()
	home := t.TempDir()
	r := &reference{t: t, dir: filepath.Join(home, "r"), marks: map[string]int{}}
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "TZ=UTC"}
	cmd := r.command("clone", "-q", remote, r.dir)
	cmd.Dir = home
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("clone: %v\n%s", err, out)
	}
	r.git("checkout", "-q", "--detach")
	r.imp = r.start("fast-import", "--quiet", "--force", "--date-format=raw")
	r.cat = r.start("cat-file", "--batch")
	return r
}

func (r *reference) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

func (r *reference) start(args ...string) *pipe {
	cmd := r.command(args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && r.t.Failed() {
			r.t.Logf("git %s: %v\n%s", args[0], err, stderr.String())
		}
	})
	return &pipe{in, bufio.NewReader(out)}
}

// try runs a command with more environment.
func (r *reference) try(env []string, args ...string) (string, bool) {
	cmd := r.command(args...)
	cmd.Env = append(append([]string(nil), r.env...), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err == nil
}

func (r *reference) git(args ...string) string {
	r.t.Helper()
	out, ok := r.try(nil, args...)
	if !ok {
		r.t.Fatalf("git %s:\n%s", strings.Join(args, " "), out)
	}
	return out
}

func (p *pipe) line(t testing.TB) string {
	t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("git has ended: %v", err)
	}
	return strings.TrimSuffix(s, "\n")
}

func (p *pipe) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		t.Fatalf("git has ended: %v", err)
	}
}

// stamp is who makes a commit, and when: what the hub's commit says.
type stamp struct {
	name, email string
	at          int64
}

func (s stamp) String() string { return fmt.Sprintf("%s <%s> %d +0000", s.name, s.email, s.at) }

func (s stamp) env() []string {
	date := "@" + strconv.FormatInt(s.at, 10) + " +0000"
	return []string{"GIT_AUTHOR_NAME=" + s.name, "GIT_AUTHOR_EMAIL=" + s.email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + s.name, "GIT_COMMITTER_EMAIL=" + s.email, "GIT_COMMITTER_DATE=" + date}
}

// commit makes a commit on a parent ("": none) from lines of fast-import, and gives its id.
func (r *reference) commit(who stamp, parent, msg, changes string) string {
	r.t.Helper()
	r.last++
	mark := r.last
	var b strings.Builder
	if parent == "" {
		b.WriteString("reset refs/mirror/x\n\n")
	}
	fmt.Fprintf(&b, "commit refs/mirror/x\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s\n", mark, who, who, len(msg), msg)
	if n, own := r.marks[parent]; own {
		fmt.Fprintf(&b, "from :%d\n", n)
	} else if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	fmt.Fprintf(&b, "%s\nget-mark :%d\n", changes, mark)
	r.imp.send(r.t, b.String())
	r.kept = false
	oid := r.imp.line(r.t)
	r.marks[oid] = mark
	return oid
}

// flush makes what fast-import has visible to other commands.
func (r *reference) flush() {
	r.t.Helper()
	if r.kept {
		return
	}
	r.imp.send(r.t, "checkpoint\n\nprogress flushed\n")
	if got := r.imp.line(r.t); got != "progress flushed" {
		r.t.Fatalf("fast-import says %q", got)
	}
	r.kept = true
}

// object is the bytes of an object.
func (r *reference) object(oid string) []byte {
	r.t.Helper()
	r.flush()
	r.cat.send(r.t, oid+"\n")
	head := r.cat.line(r.t)
	words := strings.Fields(head)
	if len(words) != 3 {
		r.t.Fatalf("cat-file says %q", head)
	}
	n, err := strconv.Atoi(words[2])
	if err != nil {
		r.t.Fatal(err)
	}
	data := make([]byte, n+1)
	if _, err := io.ReadFull(r.cat.out, data); err != nil {
		r.t.Fatal(err)
	}
	return data[:n]
}

// entry is a file of a commit.
type entry struct{ mode, oid string }

// list is the files of a commit.
func (r *reference) list(commit string) map[string]entry {
	r.t.Helper()
	r.flush()
	files := map[string]entry{}
	for line := range strings.SplitSeq(r.git("ls-tree", "-r", "-z", "--full-tree", commit), "\x00") {
		head, path, ok := strings.Cut(line, "\t")
		words := strings.Fields(head)
		if ok && len(words) == 3 {
			files[path] = entry{words[0], words[2]}
		}
	}
	return files
}

// parents are the parents of a commit.
func (r *reference) parents(commit string) (list []string) {
	r.t.Helper()
	for line := range strings.SplitSeq(string(r.object(commit)), "\n") {
		if p, ok := strings.CutPrefix(line, "parent "); ok {
			list = append(list, p)
		} else if line == "" {
			break
		}
	}
	return list
}

// result is how one of git's own commands ended.
type result struct {
	commit    string   // HEAD after it
	conflicts []string // paths; nil: none
	ok        bool
	broke     bool // git itself broke: on conflicts that it could not write to its index, as 2.39 does on some, or on an assertion
	said      string
}

// run runs a command that commits, on a commit.
func (r *reference) run(who stamp, base string, commands ...[]string) result {
	r.t.Helper()
	r.flush()
	r.git("reset", "-q", "--hard", base)
	res := result{ok: true}
	for _, args := range commands {
		if res.said, res.ok = r.try(who.env(), args...); !res.ok {
			break
		}
	}
	if !res.ok {
		if res.broke = strings.Contains(res.said, "BUG: ") || strings.Contains(res.said, "cache entry has null sha1") || strings.Contains(res.said, "Assertion `"); res.broke {
			_ = os.Remove(filepath.Join(r.dir, ".git", "index.lock"))
		}
		res.conflicts = r.unmerged()
		r.git("reset", "-q", "--hard")
		r.git("clean", "-fdxq")
	}
	head, err := os.ReadFile(filepath.Join(r.dir, ".git", "HEAD"))
	if err != nil {
		r.t.Fatal(err)
	}
	res.commit = strings.TrimSpace(string(head))
	return res
}

// unmerged are the paths in conflict, under the names that they were to have: git puts a file whose place is taken
// under the same name with a tilde and more.
func (r *reference) unmerged() (paths []string) {
	seen := map[string]bool{}
	for line := range strings.SplitSeq(r.git("ls-files", "-u", "-z"), "\x00") {
		_, path, ok := strings.Cut(line, "\t")
		path, _, _ = strings.Cut(path, "~")
		if ok && !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}
