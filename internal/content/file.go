package content

import (
	"context"
	"io"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// File is one file of a snapshot, ready to be read.
type File struct {
	Path  string
	OID   hub.OID        // of the blob in git
	Size  int64          // of what a reader gets: the large file, or the blob
	Large *xetstore.File // nil: the bytes are in git
	// Deleted says that the bytes were deleted for good from this repository; what is in git is a pointer to nothing.
	Deleted bool
	// Lost says that the stored bytes were damaged and given up.
	Lost bool

	snap *Snapshot
	svc  *Service
}

// ETag is the content's identity: sha256 of a large file, git's object id of a regular one.
func (f *File) ETag() string {
	if f.Large != nil {
		return f.Large.SHA256.String()
	}
	return f.OID.String()
}

// File finds a file. A folder is no file.
func (s *Service) File(ctx context.Context, snap *Snapshot, p string) (*File, error) {
	if err := checkReadPath(p); err != nil {
		return nil, err
	}
	e, err := snap.entry(ctx, p)
	if err != nil {
		return nil, err
	}
	if e.Mode.IsDir() || e.Mode == git.ModeSubmodule {
		return nil, errs.EntryNotFound(p)
	}
	info, err := snap.Git.BlobInfo(ctx, e.OID)
	if err != nil {
		return nil, err
	}
	f := &File{Path: p, OID: e.OID, Size: info.Size, snap: snap, svc: s}
	if info.Pointer == nil {
		return f, nil
	}
	large, ok, err := s.xet.FindFile(ctx, snap.Repo.RowID, info.Pointer.SHA256)
	if err != nil {
		return nil, err
	}
	if !ok {
		f.Deleted, err = s.xet.Gone(ctx, snap.Repo.RowID, info.Pointer.SHA256)
		return f, err // a pointer whose bytes never came is itself a small file
	}
	f.Large, f.Size = &large, large.Size
	f.Lost, err = s.xet.IsLost(ctx, large)
	return f, err
}

// Detached is a copy that may be kept: it holds nothing in memory of the repository. Only of a large one the bytes may be
// read.
func (f *File) Detached() *File {
	kept := *f
	kept.snap = nil
	return &kept
}

// Whole is the answer to who asks for the bytes of a file: nil, or that they were deleted or are lost.
func (f *File) Whole() error {
	if f.Lost {
		return xetstore.ErrLost(f.Path)
	}
	if !f.Deleted {
		return nil
	}
	return errs.Coded(errs.NotFound, errs.CodeEntryNotFound, "The content of %s was deleted from this repository for good; only a pointer to it is left", f.Path)
}

// Raw is the blob in git, also of a large file: its pointer.
func (f *File) Raw(ctx context.Context) (io.ReadCloser, int64, error) {
	rc, info, err := f.snap.Git.Blob(ctx, f.OID)
	return rc, info.Size, err
}

// WriteRange writes n bytes of the content from off on.
func (f *File) WriteRange(ctx context.Context, w io.Writer, off, n int64) error {
	if f.Large != nil {
		return f.svc.xet.WriteTo(ctx, w, *f.Large, off, n)
	}
	rc, _, err := f.snap.Git.Blob(ctx, f.OID)
	if err != nil {
		return err
	}
	defer rc.Close()
	if _, err := io.CopyN(io.Discard, rc, off); err != nil {
		return err
	}
	_, err = io.CopyN(w, rc, n)
	return err
}

// Open streams the whole content.
func (f *File) Open(ctx context.Context) (io.ReadCloser, error) {
	if f.Large == nil {
		rc, _, err := f.Raw(ctx)
		return rc, err
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(f.WriteRange(ctx, pw, 0, f.Size)) }()
	return pr, nil
}
