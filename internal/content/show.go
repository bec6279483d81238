package content

import (
	"bytes"
	"context"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/patch"
)

// Bounds of what a commit's page shows.
const (
	MaxShown      = 300       // files of a page
	MaxPatches    = 4 << 20   // bytes of all patches of a page
	shownPatch    = 128 << 10 // bytes of one file's patch
	comparedFile  = 4 << 20   // bytes of a file, on either side, that is still compared
	comparedBytes = 24 << 20  // bytes of all files that are compared for one page and the statistics
	comparedLines = 500_000
)

// ShowOptions choose what of a commit is shown.
type ShowOptions struct {
	Page    int // of files, from 0
	Limit   int
	Patches int // bytes of all patches of the page; 0: none
}

// Shown is what a commit changed, against its first parent.
type Shown struct {
	ID     hub.OID
	Commit *git.Commit
	Stats  Stats
	Files  []ShownFile // a page of them
	More   bool
}

// Stats are sums over all files of a commit.
type Stats struct {
	Files   int
	Added   int // lines
	Deleted int
	More    bool // there are more files than were counted
	Short   bool // some files were too large, or too many, to count their lines
}

// ShownFile is what happened to one file. Of a file that is absent on one side the mode there is 0.
type ShownFile struct {
	patch.File
	Status     string // A, M, D, R, T
	Old, New   Blob
	Binary     bool
	Compared   bool // Added and Deleted are known
	Stat       patch.Stat
	Patch      string // as git writes it, with the header
	PatchShort bool   // the patch is cut, or left out for its size
}

// Blob is one side of a file.
type Blob struct {
	Size int64 // bytes in git
	LFS  *LFS  // the large file that it stands for
}

// Show describes the commit of a snapshot and what it changed.
func (s *Service) Show(ctx context.Context, snap *Snapshot, o ShowOptions) (*Shown, error) {
	c, err := snap.Git.Commit(ctx, snap.Commit)
	if err != nil {
		return nil, err
	}
	out := &Shown{ID: snap.Commit, Commit: c}
	var parent hub.OID // zero for a first commit: all of it is new
	if len(c.Parents) > 0 {
		parent = c.Parents[0]
	}
	files, more, err := filesOf(ctx, snap.Git, parent, snap.Commit)
	if err != nil {
		return nil, err
	}
	if files, err = s.renamed(ctx, snap.Git, files); err != nil {
		return nil, err
	}
	out.Stats.Files, out.Stats.More = len(files), more
	from := min(o.Page*o.Limit, len(files))
	to := min(from+o.Limit, len(files))
	out.More = to < len(files)
	return out, s.fill(ctx, snap.Git, out, files, from, to, o.Patches)
}

// fill describes the page's files first, so that the bounds leave out what is not on it.
func (s *Service) fill(ctx context.Context, g *gitstore.Repo, out *Shown, files []patch.File, from, to, patches int) error {
	v := shower{d: differ{svc: s, git: g, lines: comparedLines}, bytes: comparedBytes, patches: patches}
	for i := from; i < to; i++ {
		f, err := v.file(ctx, files[i], patches > 0)
		if err != nil {
			return err
		}
		out.Stats.add(f)
		out.Files = append(out.Files, f)
	}
	for i := range files {
		if i >= from && i < to {
			continue
		}
		f, err := v.file(ctx, files[i], false)
		if err != nil {
			return err
		}
		out.Stats.add(f)
	}
	return nil
}

func (st *Stats) add(f ShownFile) {
	st.Added += f.Stat.Added
	st.Deleted += f.Stat.Deleted
	st.Short = st.Short || !f.Compared
}

// shower describes files within what is left of a request's bounds.
type shower struct {
	d       differ
	bytes   int64
	patches int
}

func (v *shower) file(ctx context.Context, f patch.File, text bool) (ShownFile, error) {
	out := ShownFile{File: f, Status: statusOf(f)}
	var err error
	if out.Old, err = v.blob(ctx, f.OldMode, f.OldOID); err != nil {
		return out, err
	}
	if out.New, err = v.blob(ctx, f.NewMode, f.NewOID); err != nil {
		return out, err
	}
	size := out.Old.Size + out.New.Size
	if max(out.Old.Size, out.New.Size) > comparedFile || size > v.bytes || v.d.lines <= 0 {
		out.PatchShort = text
		return out, nil
	}
	v.bytes -= size
	w := head{limit: min(shownPatch, v.patches)}
	if !text {
		w.limit = 0
	}
	o, err := v.d.write(ctx, &w, f)
	out.Stat, out.Binary, out.Compared = o.Stat, o.binary, true
	if text {
		out.Patch, out.PatchShort = w.text(), w.short
		v.patches -= len(out.Patch)
	}
	return out, err
}

func (v *shower) blob(ctx context.Context, mode git.Mode, oid hub.OID) (b Blob, err error) {
	if !mode.IsBlob() {
		return b, nil
	}
	info, err := v.d.git.BlobInfo(ctx, oid)
	b.Size = info.Size
	if p := info.Pointer; p != nil {
		b.LFS = &LFS{OID: p.SHA256.String(), Size: p.Size, PointerSize: info.Size}
	}
	return b, err
}

// head keeps the first bytes that are written, up to the end of a line.
type head struct {
	b     bytes.Buffer
	limit int
	short bool
}

func (h *head) Write(p []byte) (int, error) {
	room := h.limit - h.b.Len()
	h.short = h.short || len(p) > room
	h.b.Write(p[:min(len(p), max(room, 0))])
	return len(p), nil
}

func (h *head) text() string {
	b := h.b.Bytes()
	if h.short {
		b = b[:bytes.LastIndexByte(b, '\n')+1]
	}
	return string(b)
}
