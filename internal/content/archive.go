package content

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"time"

	"github.com/cairnhub/cairn/internal/archive"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

const (
	maxArchived = 200_000 // files and folders
	maxLink     = 4096    // bytes of where a symbolic link leads
)

// ArchiveOptions choose what an archive holds.
type ArchiveOptions struct {
	Format   archive.Format
	Folder   string // in which all files stand
	Pointers bool   // large files as their pointers, as git has them
}

// Archive is a snapshot that is ready to be packed: its names were looked at and its files counted.
type Archive struct {
	ETag string // moves with the commit, the options and the large files that are there

	svc  *Service
	snap *Snapshot
	o    ArchiveOptions
	when time.Time
}

// Archive prepares all files of a snapshot. What cannot be packed whole is refused here, before the first byte.
func (s *Service) Archive(ctx context.Context, snap *Snapshot, o ArchiveOptions) (*Archive, error) {
	c, err := snap.Git.Commit(ctx, snap.Commit)
	if err != nil {
		return nil, err
	}
	a := &Archive{svc: s, snap: snap, o: o, when: c.Committer.When}
	id, files := sha256.New(), 0
	id.Write([]byte("1 " + snap.Commit.String() + " " + string(o.Format) + " " + o.Folder))
	look := func(f packed) error {
		if files++; files > maxArchived {
			return errs.New(errs.TooLarge, "An archive holds at most %d files and folders; clone the repository instead.", maxArchived)
		}
		if f.Pointer != nil && !o.Pointers {
			id.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.size())))
		}
		return f.check(o.Folder)
	}
	err = inTurn(ctx, s.computing, func() error { return a.walk(ctx, look) })
	a.ETag = hex.EncodeToString(id.Sum(nil)[:20])
	return a, err
}

// packed is a file or folder, and the large file that it stands for if its bytes are to be packed.
type packed struct {
	gitstore.Entry
	large *xetstore.File
}

func (f *packed) size() int64 {
	if f.large != nil {
		return f.large.Size
	}
	return f.Size
}

func (f *packed) check(folder string) error {
	if archive.CheckName(folder+"/"+f.Path) != nil {
		return errs.New(errs.Unprocessable, "The name %q would lead out of the archive on some systems; clone the repository, or rename the file.", f.Path)
	}
	if f.Mode == git.ModeSymlink && f.Size > maxLink {
		return errs.New(errs.Unprocessable, "The symbolic link %q is longer than %d bytes.", f.Path, maxLink)
	}
	return nil
}

// walk goes through all files and folders in git's order. One query finds the large files of a page.
func (a *Archive) walk(ctx context.Context, visit func(packed) error) error {
	for after := ""; ; {
		page, next, err := a.snap.Git.Walk(ctx, a.snap.Tree, gitstore.WalkOptions{Recursive: true, After: after, Limit: MaxPage})
		if err != nil {
			return err
		}
		large, err := a.large(ctx, page)
		if err != nil {
			return err
		}
		for _, e := range page {
			f := packed{Entry: e}
			if e.Pointer != nil && e.Mode != git.ModeSymlink {
				if x, ok := large[e.Pointer.SHA256]; ok {
					f.large = &x
				}
			}
			if err := visit(f); err != nil {
				return err
			}
		}
		if after = next; after == "" {
			return nil
		}
	}
}

func (a *Archive) large(ctx context.Context, page []gitstore.Entry) (map[hub.SHA256]xetstore.File, error) {
	var shas []hub.SHA256
	for _, e := range page {
		if e.Pointer != nil && !a.o.Pointers {
			shas = append(shas, e.Pointer.SHA256)
		}
	}
	if len(shas) == 0 {
		return nil, nil
	}
	return a.svc.xet.FindFiles(ctx, nil, a.snap.Repo.RowID, shas)
}

// Write packs the files. As many archives as there are processors work at once; while the client does not read, another
// may.
func (a *Archive) Write(ctx context.Context, w io.Writer) error {
	turn := &turnWriter{ctx: ctx, w: w, turns: a.svc.packing}
	if err := turn.begin(); err != nil {
		return err
	}
	defer turn.give()
	out, err := archive.New(a.o.Format, turn, archive.Options{When: a.when, Comment: a.snap.Commit.String()})
	if err != nil {
		return errs.Wrap("content.Archive", err)
	}
	if err := out.Add(archive.Entry{Name: a.o.Folder, Kind: archive.Folder}, nil); err != nil {
		return errs.Wrap("content.Archive", err)
	}
	if err := a.walk(ctx, func(f packed) error { return a.add(ctx, out, f) }); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return errs.Wrap("content.Archive", err)
	}
	return turn.flush()
}

func (a *Archive) add(ctx context.Context, out archive.Writer, f packed) error {
	e := archive.Entry{Name: a.o.Folder + "/" + f.Path, Size: f.size()}
	switch {
	case f.IsDir, f.Mode == git.ModeSubmodule: // git archive, too, packs a folder for what another repository holds
		e.Kind, e.Size = archive.Folder, 0
	case f.Mode == git.ModeSymlink:
		b, err := a.snap.Git.BlobBytes(ctx, f.OID, maxLink)
		if err != nil {
			return err
		}
		e.Kind, e.Link, e.Size = archive.Symlink, string(b), 0
	case f.Mode&0o111 != 0:
		e.Kind = archive.Executable
	}
	err := out.Add(e, func(w io.Writer) error {
		if f.large != nil {
			return a.svc.xet.WriteTo(ctx, w, *f.large, 0, f.large.Size)
		}
		rc, _, err := a.snap.Git.Blob(ctx, f.OID)
		if err != nil {
			return err
		}
		defer rc.Close()
		_, err = io.Copy(w, rc)
		return err
	})
	return errs.Wrap("content.Archive", err)
}
