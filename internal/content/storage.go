package content

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// LargestFiles is a page of the large files that a repository stores, the largest first. next is the cursor of the
// following page, empty on the last.
func (s *Service) LargestFiles(ctx context.Context, r *repo.Repo, page hub.Page) (list []xetstore.Stored, next string, err error) {
	after, err := parseRank(page.Cursor)
	if err != nil {
		return nil, "", err
	}
	list, err = s.xet.Largest(ctx, r.RowID, after, page.Limit+1)
	if err != nil || len(list) <= page.Limit {
		return list, "", err
	}
	list = list[:page.Limit]
	last := list[len(list)-1]
	return list, strconv.FormatInt(last.Size, 36) + "." + last.Hash.String(), nil
}

func parseRank(cursor string) (xetstore.Rank, error) {
	if cursor == "" {
		return xetstore.Rank{Size: 1 << 62}, nil
	}
	size, hash, _ := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(size, 36, 64)
	if err == nil && n >= 0 {
		if h, err := xet.ParseHash(hash); err == nil {
			return xetstore.Rank{Size: n, Hash: h}, nil
		}
	}
	return xetstore.Rank{}, errs.New(errs.Invalid, "The cursor is not one that this list gave")
}

// Extent is how many distinct large files there are somewhere, and their bytes.
type Extent struct {
	Files int
	Bytes int64
}

// NamedFile is a large file with a path that it is at.
type NamedFile struct {
	Path   string
	SHA256 hub.SHA256
	Size   int64
}

// RangeStorage is what a range of revisions takes.
type RangeStorage struct {
	To, From hub.OID // From is zero for a range without a beginning
	Tree     Extent  // what To itself names
	Range    Extent  // what To and all behind it name, and nothing of From and behind it does
	Largest  []NamedFile
}

const (
	maxLargest  = 100
	storageTime = time.Minute
)

// RangeStorage says what the large files take that the commits up to one revision name and those up to another do not; an
// empty since is none. Files that are not stored any more count nothing. It reads every folder of the history once.
func (s *Service) RangeStorage(ctx context.Context, r *repo.Repo, rev, since string) (out RangeStorage, err error) {
	to, err := s.At(ctx, r, rev)
	if err != nil {
		return out, err
	}
	out.To = to.Commit
	before := map[hub.SHA256]bool{}
	if err := take(ctx, s.computing, pageWait); err != nil {
		return out, err
	}
	defer s.computing.Give()
	ctx, cancel := context.WithTimeout(ctx, storageTime)
	defer cancel()
	if since != "" {
		from, err := s.At(ctx, r, since)
		if err != nil {
			return out, err
		}
		out.From = from.Commit
		if err := from.Git.LargeHistory(ctx, []hub.OID{from.Commit}, func(_ string, p *git.Pointer) { before[p.SHA256] = true }); err != nil {
			return out, tooLong(ctx, err)
		}
	}
	named, err := namedBy(ctx, to.Git.LargeHistory, to.Commit, before)
	if err != nil {
		return out, tooLong(ctx, err)
	}
	tree, err := namedBy(ctx, to.Git.LargeFiles, to.Commit, nil)
	if err != nil {
		return out, tooLong(ctx, err)
	}
	if out.Tree, _, err = s.extent(ctx, r.RowID, tree); err == nil {
		out.Range, out.Largest, err = s.extent(ctx, r.RowID, named)
	}
	return out, err
}

func tooLong(ctx context.Context, err error) error {
	if ctx.Err() == context.DeadlineExceeded {
		return errs.New(errs.Unprocessable, "The history is too long to look through in %s. Ask for a shorter one.", storageTime)
	}
	return err
}

type largeWalk func(ctx context.Context, oids []hub.OID, visit func(path string, p *git.Pointer)) error

// namedBy is what a walk finds and is not in without, each with the first of its paths.
func namedBy(ctx context.Context, walk largeWalk, commit hub.OID, without map[hub.SHA256]bool) (map[hub.SHA256]string, error) {
	named := map[hub.SHA256]string{}
	err := walk(ctx, []hub.OID{commit}, func(path string, p *git.Pointer) {
		if _, again := named[p.SHA256]; !again && !without[p.SHA256] {
			named[p.SHA256] = path
		}
	})
	return named, err
}

// extent measures files that are stored, and gives the largest.
func (s *Service) extent(ctx context.Context, repoID string, named map[hub.SHA256]string) (e Extent, largest []NamedFile, err error) {
	have, err := s.xet.FindFiles(ctx, nil, repoID, slices.Collect(maps.Keys(named)))
	if err != nil {
		return e, nil, err
	}
	for sha, f := range have {
		e.Files++
		e.Bytes += f.Size
		largest = append(largest, NamedFile{named[sha], sha, f.Size})
	}
	slices.SortFunc(largest, func(a, b NamedFile) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path), slices.Compare(a.SHA256[:], b.SHA256[:]))
	})
	return e, largest[:min(len(largest), maxLargest)], nil
}

// Sharing is how much of what an owner's repositories store is the same.
func (s *Service) Sharing(ctx context.Context, ownerID string) (xetstore.Sharing, error) {
	if err := take(ctx, s.computing, pageWait); err != nil {
		return xetstore.Sharing{}, err
	}
	defer s.computing.Give()
	return s.xet.Sharing(ctx, ownerID)
}
