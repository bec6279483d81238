package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/exp/mmap"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// PushLimits are what one push may bring. A pack that inflates to far more than its size is refused while it comes in,
// and so is what would have to be held in memory: the processor time of a small pack stays under two seconds, the memory
// under 64 MiB. Honest histories, whose deltas make many versions of each file, make 50 to 200 bytes of each of theirs.
var PushLimits = git.GuardLimits{
	Bytes:    8 << 30,
	Objects:  5_000_000,
	Object:   256 << 20,
	Message:  4 << 20,
	Tree:     git.MaxTree,
	Delta:    16 << 20,
	Tags:     2 * git.MaxPushRefs,
	Chain:    64 << 20,
	Inflated: 128 << 20, Ratio: 50,
	Result: 512 << 20, DeltaRatio: 500,
}

// indexThreads is how many threads resolve the deltas of one push.
var indexThreads = min(4, runtime.GOMAXPROCS(0))

// pushTime bounds the work on a pack that has come in.
const pushTime = 30 * time.Minute

// Incoming is a pack that was pushed and is complete and free of what `git fsck --strict` calls an error, but not part
// of the repository yet. It lies in a folder of its own until Keep; Close removes it.
type Incoming struct {
	copy     *Copy
	dir      string
	file     packBytes
	cat      *git.Catalog
	r        *git.PackReader
	collects int64 // of the copy when git looked for what the pack names
}

// Receive reads a pack into quarantine. git completes it from the repository's objects and checks each object and that
// all that they name is there. errs.TooLarge, errs.Invalid and errs.Unprocessable say in plain words what is wrong.
func (c *Copies) Receive(ctx context.Context, repoID, head string, pack io.Reader) (*Incoming, error) {
	p, err := c.Use(ctx, repoID, head)
	if err != nil {
		return nil, err
	}
	in := &Incoming{copy: p, collects: p.view.since}
	if err := in.receive(ctx, pack); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// Close ends the quarantine.
func (in *Incoming) Close() {
	if in.file != nil {
		_ = in.file.Close()
	}
	if in.dir != "" {
		_ = os.RemoveAll(in.dir)
	}
	in.copy.Release()
}

func (in *Incoming) receive(ctx context.Context, pack io.Reader) (err error) {
	c := in.copy.c
	if in.dir, err = os.MkdirTemp(c.root, "push-*"); err != nil {
		return errs.Wrap("gitstore.Receive", err)
	}
	objects := filepath.Join(in.dir, "objects")
	if err := os.MkdirAll(filepath.Join(objects, "pack"), 0o700); err != nil {
		return errs.Wrap("gitstore.Receive", err)
	}
	name, scan, err := in.index(ctx, objects, pack)
	if err != nil {
		return err
	}
	path := filepath.Join(objects, "pack", "pack-"+name)
	size, err := in.open(path + ".pack")
	if err != nil {
		return errs.Wrap("gitstore.Receive", err)
	}
	idx, err := os.ReadFile(path + ".idx")
	if err != nil {
		return errs.Wrap("gitstore.Receive", err)
	}
	if in.cat, err = scan.Catalog(in.file, size, idx); err != nil {
		return wrapGit(guardError(err))
	}
	in.r = git.NewPackReader(in.file, in.cat).Checked().LimitWork(PushLimits.Result + 2*PushLimits.DeltaRatio*in.cat.PackSize())
	return nil
}

// packBytes are a pack in quarantine: mapped, which saves two calls of the system per object, or read when it is large,
// for what is mapped counts as memory of the process.
type packBytes interface {
	io.ReaderAt
	io.Closer
}

const maxMapped = 64 << 20

func (in *Incoming) open(path string) (size int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	var file packBytes
	if info.Size() <= maxMapped {
		file, err = mmap.Open(path)
	} else {
		file, err = os.Open(path)
	}
	if err == nil {
		in.file = file
	}
	return info.Size(), err
}

// index feeds the pack to git index-pack while it is scanned, and gives the name of the pack that git wrote.
func (in *Incoming) index(ctx context.Context, objects string, pack io.Reader) (string, *git.PackScan, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pr, pw := io.Pipe()
	type ended struct {
		stderr string
		err    error
	}
	done := make(chan ended, 1)
	var out bytes.Buffer
	go func() {
		stderr, err := in.copy.c.run(ctx, process{
			args: indexPack,
			env: []string{"GIT_DIR=" + in.copy.w.dir, "GIT_OBJECT_DIRECTORY=" + objects,
				"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(in.copy.w.dir, "objects")},
			stdin:  pr,
			stdout: &out,
			calm:   true,
		})
		_ = pr.CloseWithError(errGitEnded) // it may have read enough before the end
		done <- ended{stderr, err}
	}()
	fed := newFeed(pack, pw)
	scan, bad := git.ScanPack(fed, PushLimits)
	if bad != nil && !errors.Is(bad, errGitEnded) {
		_ = pw.CloseWithError(bad) // what is not handed on yet is not wanted
	}
	fed.close()
	if bad != nil && !errors.Is(bad, errGitEnded) {
		cancel(bad)
	} else {
		timer := time.AfterFunc(pushTime, func() { cancel(errs.New(errs.TooLarge, "The pack takes more than %s to check", pushTime)) })
		defer timer.Stop()
	}
	_ = pw.CloseWithError(bad)
	end := <-done
	switch {
	case bad != nil && !errors.Is(bad, errGitEnded):
		return "", nil, guardError(bad)
	case end.err != nil:
		return "", nil, indexError(ctx, end.err, end.stderr)
	}
	kind, name, _ := strings.Cut(strings.TrimSpace(out.String()), "\t")
	if _, err := hub.ParseOID(name); kind != "pack" || err != nil {
		return "", nil, errs.Wrap("gitstore.Receive", fmt.Errorf("index-pack says %q", out.String()))
	}
	return name, scan, nil
}

var errGitEnded = errors.New("git has ended")

func guardError(err error) error {
	switch {
	case errors.Is(err, git.ErrLimit):
		return &errs.Error{Kind: errs.TooLarge, Op: "gitstore.Receive", Err: err, Msg: "The push is too large: " + detail(err, git.ErrLimit) +
			". Push the history in parts, and large files with Git LFS (git lfs migrate info --everything --above=10MB finds them)."}
	case errors.Is(err, git.ErrMalformed):
		return &errs.Error{Kind: errs.Invalid, Op: "gitstore.Receive", Err: err, Msg: "The pack is damaged: " + detail(err, git.ErrMalformed)}
	}
	return err // the connection's
}

func detail(err, sentinel error) string {
	return strings.TrimPrefix(err.Error(), sentinel.Error()+": ")
}

// indexError turns what git said into a reason: its first line that names an object, or the last.
func indexError(ctx context.Context, err error, stderr string) error {
	var known *errs.Error
	if errors.As(err, &known) || ctx.Err() != nil {
		return err
	}
	reason := ""
	for line := range strings.SplitSeq(stderr, "\n") {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "fatal: "), "error: ")
		if line != "" {
			reason = line
		}
		if strings.HasPrefix(line, "object ") || strings.HasPrefix(line, "did not receive expected object") {
			break
		}
	}
	if strings.HasPrefix(reason, "did not receive expected object") || strings.Contains(reason, "unresolved delta") {
		reason += ". The history is not complete: run git fetch --unshallow, or git fsck, and push again"
	}
	if reason == "" {
		return errs.Wrap("gitstore.Receive", err)
	}
	return &errs.Error{Kind: errs.Unprocessable, Op: "gitstore.Receive", Err: err, Msg: "The pack is refused: " + reason}
}

// Catalog lists the objects of the pack. Some may be in the repository already.
func (in *Incoming) Catalog() *git.Catalog { return in.cat }

// Repo is the repository without the pack.
func (in *Incoming) Repo() *Repo { return in.copy.view }

// Kind is the kind of an object of the pack or the repository.
func (in *Incoming) Kind(oid hub.OID) (git.Kind, bool) {
	if i, ok := in.cat.Find(oid); ok {
		return in.cat.Kind(i), true
	}
	return in.copy.view.Kind(oid)
}

// New is the number in the catalog of an object that the repository does not have.
func (in *Incoming) New(oid hub.OID) (i int, isNew bool) {
	if in.copy.view.Has(oid) {
		return 0, false
	}
	return in.cat.Find(oid)
}

// Object is the bytes of object i of the pack.
func (in *Incoming) Object(i int) ([]byte, error) {
	_, data, err := in.r.Object(i, git.MaxWhole)
	return data, wrapGit(guardError(err))
}

// Entry is what lies at a path below a commit's tree, of the pack or the repository. Absent: errs.EntryNotFound.
func (in *Incoming) Entry(ctx context.Context, tree hub.OID, path string) (*git.TreeEntry, error) {
	return entryAt(ctx, in.Tree, tree, path)
}

// Tree is a tree of the pack or the repository.
func (in *Incoming) Tree(ctx context.Context, oid hub.OID) (*git.Tree, error) {
	i, ok := in.cat.Find(oid)
	if !ok {
		return in.copy.view.Tree(ctx, oid)
	}
	data, err := in.Object(i)
	if err != nil {
		return nil, err
	}
	t, err := git.ParseTree(data)
	return t, wrapGit(err)
}

// Commit is a commit of the pack or the repository.
func (in *Incoming) Commit(ctx context.Context, oid hub.OID) (*git.Commit, error) {
	i, ok := in.cat.Find(oid)
	if !ok {
		return in.copy.view.Commit(ctx, oid)
	}
	data, err := in.Object(i)
	if err != nil {
		return nil, err
	}
	c, err := git.ParseCommit(data)
	return c, wrapGit(err)
}

// Tag is a tag of the pack or the repository.
func (in *Incoming) Tag(ctx context.Context, oid hub.OID) (*git.Tag, error) {
	i, ok := in.cat.Find(oid)
	if !ok {
		return in.copy.view.Tag(ctx, oid)
	}
	data, err := in.Object(i)
	if err != nil {
		return nil, err
	}
	t, err := git.ParseTag(data)
	return t, wrapGit(err)
}

// Keep makes the pack durable and ready for AddPack.
func (in *Incoming) Keep(ctx context.Context) (*Pack, error) {
	if in.cat.Len() == 0 {
		return &Pack{}, nil
	}
	p, err := in.copy.c.s.storePack(ctx, in.copy.w.repoID, in.cat.Len(), in.cat.PackSize(), func(w io.Writer) (*git.Catalog, error) {
		_, err := io.Copy(w, io.NewSectionReader(in.file, 0, in.cat.PackSize()))
		return in.cat, err
	})
	if err == nil {
		p.since = in.collects
	}
	return p, err
}
