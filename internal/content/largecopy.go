package content

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// LargeCopy names a large file by both of its hashes, and says why it was not copied.
type LargeCopy struct {
	Xet    xet.Hash
	SHA256 hub.SHA256
	Reason string // empty: it was
}

// CopyLarge gives one repository large files of another without moving a byte; a commit may then mention them. The
// reason of a file that the source does not have is the same whether or not others have it.
func (s *Service) CopyLarge(ctx context.Context, actor hub.Actor, src, target *repo.Repo, files []LargeCopy) error {
	ids := make([]hub.SHA256, len(files))
	for i := range files {
		ids[i] = files[i].Xet.SHA256() // finds by the Xet hash: the source may have several files of these bytes
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		have, _, err := s.xet.Known(ctx, tx, src.RowID, ids)
		if err != nil {
			return err
		}
		link := choose(files, have)
		if len(link) == 0 || src.RowID == target.RowID {
			return nil
		}
		if err := s.xet.Link(ctx, tx, target.RowID, link); err != nil {
			return err
		}
		return event.Append(ctx, tx, event.Event{RepoID: target.RowID, OwnerID: target.OwnerID, Kind: "repo.large.copy", ActorID: actor.UserID,
			Data: map[string]any{"from": src.RowID, "files": len(link)}})
	})
}

// choose gives every file its reason and returns those that there are.
func choose(files []LargeCopy, have []xetstore.File) (link []xetstore.File) {
	byHash := map[xet.Hash]xetstore.File{}
	for _, f := range have {
		byHash[f.Hash] = f
	}
	for i := range files {
		f, ok := byHash[files[i].Xet]
		if files[i].Reason = ""; !ok || f.SHA256 != files[i].SHA256 {
			files[i].Reason = "The source repository has no large file with this Xet hash and this SHA-256"
			continue
		}
		link = append(link, f)
	}
	return link
}

// ParseLargeCopy reads the two hashes of a file to copy.
func ParseLargeCopy(xetHash, sha string) (c LargeCopy, err error) {
	h, err := xet.ParseHash(strings.ToLower(xetHash))
	if err == nil {
		c.Xet = h
		c.SHA256, err = hub.ParseSHA256(strings.ToLower(sha))
	}
	if err != nil {
		return c, errs.New(errs.Invalid, "A file to copy is named by xetHash and sha256, 64 hex digits each, not by %.80q and %.80q.", xetHash, sha)
	}
	return c, nil
}
