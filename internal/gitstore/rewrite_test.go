package gitstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

func pointerText(n int) string {
	var sha hub.SHA256
	sha[0] = byte(n)
	return string(git.Pointer{SHA256: sha, Size: int64(n)}.Encode())
}

// pointerHistory is a history of merges, tags and folders that hold pointers only, made by git.
func pointerHistory(t *testing.T, seed uint64) string {
	dir := filepath.Join(t.TempDir(), "h.git")
	gitIn(t, os.TempDir(), nil, "init", "-q", "--bare", "-b", "main", dir)
	rnd := rand.New(rand.NewPCG(seed, 4))
	var in bytes.Buffer
	for c := 1; c <= 150; c++ {
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\nauthor Ä <ä@x> %d -0330\ncommitter C <c@x> %d +0530\nencoding ISO-8859-1\ndata 2\nm\xe4\n", c, 1600000000+c, 1700000000+c*10)
		if c > 1 {
			fmt.Fprintf(&in, "from :%d\n", max(1, c-1-rnd.IntN(4)))
			if m := 1 + rnd.IntN(c-1); rnd.IntN(3) == 0 && m != c {
				fmt.Fprintf(&in, "merge :%d\n", m)
			}
		}
		for range 1 + rnd.IntN(3) {
			text := fmt.Sprintln("line", rnd.IntN(30))
			if rnd.IntN(2) == 0 {
				text = pointerText(1 + rnd.IntN(8))
			}
			fmt.Fprintf(&in, "M %s inline d%d/e%d/f%d\ndata %d\n%s\n", []string{"100644", "100755"}[rnd.IntN(2)], rnd.IntN(3), rnd.IntN(2), rnd.IntN(4), len(text), text)
		}
	}
	fmt.Fprintf(&in, "tag v1\nfrom :100\ntagger T <t@x> 1700000000 +0000\ndata 3\nv1\n\n")
	signed := "signed\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"
	fmt.Fprintf(&in, "tag v2\nfrom :50\ntagger T <t@x> 1700000000 +0000\ndata %d\n%s\n", len(signed), signed)
	fmt.Fprintf(&in, "reset refs/heads/old\nfrom :30\n\nreset refs/pr/1\nfrom :149\n\n")
	gitIn(t, dir, in.Bytes(), "fast-import", "--quiet", "--force")
	gitIn(t, dir, nil, "repack", "-adfq")
	return dir
}

// adopt puts a repository that git made into the store.
func (f *fixture) adopt(dir string) {
	f.t.Helper()
	packs, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
	b, err := os.ReadFile(packs[0])
	f.ok(err)
	p, err := f.s.IngestPack(f.ctx, f.id, bytes.NewReader(b), int64(len(b)), git.IndexLimits{})
	f.ok(err)
	var ups []gitstore.RefUpdate
	for _, line := range strings.Split(gitIn(f.t, dir, nil, "for-each-ref", "--format=%(objectname) %(refname)"), "\n") {
		id, name, _ := strings.Cut(line, " ")
		oid, err := hub.ParseOID(id)
		f.ok(err)
		ups = append(ups, gitstore.RefUpdate{Name: name, New: oid})
	}
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error {
		if err := f.s.AddPack(f.ctx, tx, f.id, p); err != nil {
			return err
		}
		return f.s.UpdateRefs(f.ctx, tx, f.id, ups)
	}))
}

// exportWithout is what git makes of the history when the dropped files are taken out of its own export.
func exportWithout(t *testing.T, dir string, drop func(text string) bool) string {
	out := gitIn(t, dir, nil, "fast-export", "--all", "--full-tree", "--signed-tags=strip", "--tag-of-filtered-object=rewrite", "--reencode=no", "--show-original-ids") + "\n"
	dropped := map[string]bool{}
	var kept bytes.Buffer
	for len(out) > 0 {
		line, rest, _ := strings.Cut(out, "\n")
		out = rest
		if line == "blob" {
			mark, rest, _ := strings.Cut(out, "\n")
			_, rest, _ = strings.Cut(rest, "\n") // original-oid
			var n int
			_, err := fmt.Sscanf(rest, "data %d\n", &n)
			if err != nil {
				t.Fatal(err)
			}
			text := rest[strings.IndexByte(rest, '\n')+1:][:n]
			if drop(text) {
				dropped[strings.TrimPrefix(mark, "mark ")] = true
			}
		}
		if f := strings.Fields(line); len(f) == 4 && f[0] == "M" && dropped[f[2]] {
			continue
		}
		kept.WriteString(line + "\n")
	}
	to := filepath.Join(t.TempDir(), "want.git")
	gitIn(t, os.TempDir(), nil, "init", "-q", "--bare", "-b", "main", to)
	gitIn(t, to, kept.Bytes(), "fast-import", "--quiet", "--force")
	return gitIn(t, to, nil, "for-each-ref", "--format=%(objectname) %(refname)")
}

// TestRewriteLikeGit compares every ref, and so every commit, tree and tag, with git's fast-export and fast-import.
func TestRewriteLikeGit(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		for seed := range uint64(2) {
			f.id = hub.NewID()
			f.init(f.id)
			dir := pointerHistory(f.t.(*testing.T), seed)
			f.adopt(dir)
			want := exportWithout(f.t.(*testing.T), dir, func(text string) bool {
				p, ok := git.ParsePointer([]byte(text))
				return ok && p.Size%2 == 1
			})
			if got := f.rewrite(func(p *git.Pointer) bool { return p.Size%2 == 1 }); got != want {
				f.t.Errorf("seed %d: refs after the rewriting\n%s\ngit has\n%s", seed, got, want)
			}
			gitIn(f.t, f.bare(), nil, "fsck", "--strict", "--no-dangling", "--connectivity-only")
		}
	})
}

// rewrite rewrites all refs without some pointers and lists them as git does.
func (f *fixture) rewrite(drop func(*git.Pointer) bool) string {
	f.t.Helper()
	refs, err := f.s.Refs(f.ctx, f.db, f.id, "refs/")
	f.ok(err)
	rw := gitstore.NewRewrite(f.open(), func(i gitstore.Info) bool { return i.Pointer != nil && drop(i.Pointer) })
	w := f.s.NewPack(f.ctx, f.id)
	rw.Write(w)
	var ups []gitstore.RefUpdate
	var out []string
	for _, r := range refs {
		to, err := rw.Object(f.ctx, r.OID)
		f.ok(err)
		if to != r.OID {
			ups = append(ups, gitstore.RefUpdate{Name: r.Name, Old: r.OID, New: to})
		}
		if !to.IsZero() {
			out = append(out, to.String()+" "+r.Name)
		}
	}
	p, err := w.Finish(f.ctx)
	f.ok(err)
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error {
		if err := f.s.AddPack(f.ctx, tx, f.id, p); err != nil {
			return err
		}
		return f.s.UpdateRefs(f.ctx, tx, f.id, ups)
	}))
	return strings.Join(out, "\n")
}

func TestRewriteKeepsWhatIsNotConcerned(t *testing.T) {
	f := benchFixture(t)
	first := f.commit(files{"a": "1", "d/big": "2"})
	before := f.commit(files{"d/big": pointerText(7)})
	last := f.commit(files{"d/big": gone, "b": "x"})
	if got := f.rewrite(func(p *git.Pointer) bool { return p.Size == 8 }); got != last.String()+" "+main {
		t.Errorf("a history without the file became %s", got)
	}
	f.rewrite(func(p *git.Pointer) bool { return p.Size == 7 })
	page, _, err := f.open().Log(f.ctx, f.tip(main), gitstore.LogOptions{})
	f.ok(err)
	if len(page) != 3 || page[2].OID != first || page[1].OID == before || page[1].Commit.Tree == f.tree(before) {
		t.Errorf("history %v", page)
	}
	if _, err := f.open().Entry(f.ctx, page[1].Commit.Tree, "d"); err == nil {
		t.Error("an empty folder stayed")
	}
	if page[0].Commit.Tree != f.tree(last) {
		t.Error("a tree that never had the file changed")
	}
}
