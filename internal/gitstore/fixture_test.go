package gitstore_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

const main = "refs/heads/main"

// hubtest is one repository in a store.
type fixture struct {
	t     testing.TB
	ctx   context.Context
	db    *db.DB
	blobs blob.Store
	s     *gitstore.Store
	id    string
	clock int64
}

func newFixture(t testing.TB, d *db.DB, b blob.Store, o gitstore.Options) *fixture {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	f := &fixture{t: t, ctx: context.Background(), db: d, blobs: b, id: hub.NewID(), clock: 1700000000}
	f.s = gitstore.New(d, b, o)
	f.init(f.id)
	return f
}

func (f *fixture) init(id string) {
	f.t.Helper()
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error { return f.s.Init(f.ctx, tx, id) }))
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) open() *gitstore.Repo {
	f.t.Helper()
	r, err := f.s.Open(f.ctx, f.id)
	f.ok(err)
	return r
}

func (f *fixture) tip(ref string) hub.OID {
	f.t.Helper()
	oid, _, err := f.s.Ref(f.ctx, f.db, f.id, ref)
	f.ok(err)
	return oid
}

// files is path -> content; an empty path list deletes with the content "-".
type files map[string]string

const gone = "\x00gone"

// try makes one commit on a ref; it says Conflict when the ref moved meanwhile.
func (f *fixture) try(ref string, fs files) (hub.OID, error) {
	r, err := f.s.Open(f.ctx, f.id)
	if err != nil {
		return hub.OID{}, err
	}
	old, _, err := f.s.Ref(f.ctx, f.db, f.id, ref)
	if err != nil {
		return hub.OID{}, err
	}
	f.clock++
	return f.commitOn(r, ref, old, fs, f.clock)
}

func (f *fixture) commitOn(r *gitstore.Repo, ref string, old hub.OID, fs files, when int64, more ...hub.OID) (hub.OID, error) {
	w := f.s.NewPack(f.ctx, f.id)
	defer w.Abort()
	c := &git.Commit{Message: "commit\n", Parents: more}
	var base hub.OID
	if !old.IsZero() {
		c.Parents = append([]hub.OID{old}, more...)
		parent, err := r.Commit(f.ctx, old)
		if err != nil {
			return hub.OID{}, err
		}
		base = parent.Tree
	}
	var edits []gitstore.Edit
	for path, text := range fs {
		if text == gone {
			edits = append(edits, gitstore.Edit{Path: path, Delete: true})
			continue
		}
		oid, err := w.AddBlob(f.ctx, int64(len(text)), strings.NewReader(text))
		if err != nil {
			return hub.OID{}, err
		}
		edits = append(edits, gitstore.Edit{Path: path, Mode: git.ModeFile, OID: oid})
	}
	var err error
	if c.Tree, err = r.EditTree(f.ctx, w, base, edits); err != nil {
		return hub.OID{}, err
	}
	who := git.Signature{Name: "C", Email: "c@x", When: time.Unix(when, 0)}
	c.Author, c.Committer = who, who
	oid, err := w.AddBytes(git.KindCommit, c.Encode())
	if err != nil {
		return oid, err
	}
	p, err := w.Finish(f.ctx)
	if err != nil {
		return oid, err
	}
	return oid, f.s.Publish(f.ctx, f.id, []*gitstore.Pack{p}, []gitstore.RefUpdate{{Name: ref, Old: old, New: oid, Forward: true}},
		func(*db.Tx) error { return nil })
}

func (f *fixture) commit(fs files) hub.OID {
	f.t.Helper()
	oid, err := f.try(main, fs)
	f.ok(err)
	return oid
}

func (f *fixture) tree(commit hub.OID) hub.OID {
	f.t.Helper()
	c, err := f.open().Commit(f.ctx, commit)
	f.ok(err)
	return c.Tree
}

// each runs a test on both databases with both blob stores.
func each(t *testing.T, o gitstore.Options, test func(f *fixture)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		blobtest.Each(t, func(t *testing.T, b blob.Store) { test(newFixture(t, d, b, o)) })
	})
}

// gitIn runs git in a folder.
func gitIn(t testing.TB, dir string, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@x")
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

// bare rebuilds the repository for git, from our packs and the indexes made of our catalogs.
func (f *fixture) bare() string {
	f.t.Helper()
	dir := filepath.Join(f.t.TempDir(), "r.git")
	gitIn(f.t, os.TempDir(), nil, "init", "-q", "--bare", "-b", "main", dir)
	packs, err := f.s.Export(f.ctx, f.id)
	f.ok(err)
	for _, p := range packs {
		base := filepath.Join(dir, "objects/pack", p.Name())
		var pack, idx bytes.Buffer
		f.ok(p.WriteTo(f.ctx, &pack))
		f.ok(p.Catalog().WriteIdx(&idx))
		f.ok(os.WriteFile(base+".pack", pack.Bytes(), 0o600))
		f.ok(os.WriteFile(base+".idx", idx.Bytes(), 0o600))
	}
	refs, err := f.s.Refs(f.ctx, f.db, f.id, "refs/")
	f.ok(err)
	for _, r := range refs {
		gitIn(f.t, dir, nil, "update-ref", r.Name, r.OID.String())
	}
	return dir
}

func numbered(k int) string { return fmt.Sprintf("d%03d/s%02d/f%06d.txt", k%200, k/200%50, k) }
