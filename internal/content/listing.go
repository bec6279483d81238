package content

import (
	"context"
	"encoding/base64"
	"path"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// Entry is a file or folder as tree and paths-info answer it; AppendEntries says how.
type Entry struct {
	Type       string // file, directory
	OID        hub.OID
	Size       int64
	LFS        *LFS
	XetHash    string // empty: none
	Path       string
	LastCommit *LastCommit
}

// LFS is the large file behind a pointer.
type LFS struct {
	OID         string `json:"oid"` // sha256
	Size        int64  `json:"size"`
	PointerSize int64  `json:"pointerSize"`
	Lost        bool   `json:"lost,omitempty"` // its bytes were damaged and given up
}

// LastCommit is the last commit that changed a path.
type LastCommit struct{ ID, Title, Date string }

// ListOptions choose a page of a tree.
type ListOptions struct {
	Dir       string
	Recursive bool
	Expand    bool
	Page      hub.Page
}

// The page sizes of a listing, plain and with the last commit of each entry.
const (
	MaxPage       = 1000
	MaxPageExpand = 100
)

// List is a page of the files and folders below a folder, in git's order. The cursor is where the last page ended, so
// every page costs the same.
func (s *Service) List(ctx context.Context, snap *Snapshot, o ListOptions) ([]Entry, string, error) {
	most := MaxPage
	if o.Expand {
		most = MaxPageExpand
	}
	page := o.Page.Clamp(most, most)
	after, err := base64.RawURLEncoding.DecodeString(page.Cursor)
	if err != nil || len(after) > maxPath {
		return nil, "", errs.New(errs.Invalid, "The cursor is not one that this listing gave.")
	}
	if o.Dir != "" {
		if err := checkReadPath(o.Dir); err != nil {
			return nil, "", err
		}
	}
	found, next, err := snap.Git.Walk(ctx, snap.Tree, gitstore.WalkOptions{Dir: o.Dir, Recursive: o.Recursive, After: string(after), Limit: page.Limit})
	if err != nil {
		return nil, "", err
	}
	out, err := s.entries(ctx, snap, found, o.Expand)
	if next != "" {
		next = base64.RawURLEncoding.EncodeToString([]byte(next))
	}
	return out, next, err
}

// checkReadPath answers a name that no file can have as a name that no file has.
func checkReadPath(p string) error {
	if CheckPath(p) != nil {
		return errs.EntryNotFound(p)
	}
	return nil
}

// entries adds to what the tree says: Xet hashes by one query for the page, last commits folder by folder.
func (s *Service) entries(ctx context.Context, snap *Snapshot, found []gitstore.Entry, expand bool) ([]Entry, error) {
	out := make([]Entry, len(found))
	var shas []hub.SHA256
	for i, f := range found {
		out[i] = entryOf(f)
		if f.Pointer != nil {
			shas = append(shas, f.Pointer.SHA256)
		}
	}
	if len(shas) > 0 {
		known, err := s.xet.FindFiles(ctx, s.db, snap.Repo.RowID, shas)
		if err != nil {
			return nil, err
		}
		lost, err := s.xet.LostAmong(ctx, known)
		if err != nil {
			return nil, err
		}
		for i, f := range found {
			if f.Pointer != nil {
				if x, ok := known[f.Pointer.SHA256]; ok {
					out[i].XetHash = x.Hash.String()
					out[i].LFS.Lost = lost[f.Pointer.SHA256]
				}
			}
		}
	}
	if expand {
		return out, s.addLastCommits(ctx, snap, out)
	}
	return out, nil
}

func entryOf(f gitstore.Entry) Entry {
	e := Entry{Type: "file", OID: f.OID, Size: f.Size, Path: f.Path}
	switch {
	case f.IsDir:
		e.Type, e.Size = "directory", 0
	case f.Pointer != nil:
		e.LFS = &LFS{OID: f.Pointer.SHA256.String(), Size: f.Pointer.Size, PointerSize: f.Size}
		e.Size = f.Pointer.Size
	}
	return e
}

func (s *Service) addLastCommits(ctx context.Context, snap *Snapshot, out []Entry) error {
	byDir := map[string][]int{}
	for i, e := range out {
		d := path.Dir(e.Path)
		if d == "." {
			d = ""
		}
		byDir[d] = append(byDir[d], i)
	}
	for dir, list := range byDir {
		names := make([]string, len(list))
		for k, i := range list {
			names[k] = path.Base(out[i].Path)
		}
		last, err := snap.Git.LastCommits(ctx, snap.Commit, dir, names)
		if err != nil {
			return err
		}
		for k, i := range list {
			if c := last[names[k]]; c != nil {
				out[i].LastCommit = &LastCommit{ID: c.OID.String(), Title: c.Commit.Subject(), Date: Date(c.Commit.Committer.When)}
			}
		}
	}
	return nil
}

// Date is a time as the API writes it: ISO 8601 in UTC, ending in Z.
func Date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

const maxPaths = 1000

// PathsInfo describes the paths that exist; the others are left out.
func (s *Service) PathsInfo(ctx context.Context, snap *Snapshot, paths []string, expand bool) ([]Entry, error) {
	if len(paths) > maxPaths {
		return nil, errs.New(errs.TooLarge, "At most %d paths may be asked about in one call.", maxPaths)
	}
	var found []gitstore.Entry
	for _, p := range paths {
		if CheckPath(p) != nil {
			continue
		}
		e, err := snap.entry(ctx, p)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g := gitstore.Entry{Path: p, Mode: e.Mode, OID: e.OID, IsDir: e.Mode.IsDir()}
		if !e.Mode.IsDir() && e.Mode != git.ModeSubmodule {
			info, err := snap.Git.BlobInfo(ctx, e.OID)
			if err != nil {
				return nil, err
			}
			g.Size, g.Pointer = info.Size, info.Pointer
		}
		found = append(found, g)
	}
	return s.entries(ctx, snap, found, expand)
}

// TreeSize is the number of bytes below a path, large files counted whole.
func (s *Service) TreeSize(ctx context.Context, snap *Snapshot, p string) (int64, error) {
	if p != "" {
		if err := checkReadPath(p); err != nil {
			return 0, err
		}
	}
	_, bytes, err := snap.Git.TreeSize(ctx, snap.Tree, p)
	return bytes, err
}
