package content

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const maxSquashMessage = 500

// SuperSquash makes the history of a branch one commit with the same files.
func (s *Service) SuperSquash(ctx context.Context, actor hub.Actor, r *repo.Repo, branch, msg string) (hub.OID, error) {
	if len(msg) > maxSquashMessage || strings.ContainsRune(msg, 0) {
		return hub.OID{}, errs.New(errs.Invalid, "The message may have at most %d bytes.", maxSquashMessage)
	}
	ref, err := s.branchRef(ctx, r, branch)
	if err != nil {
		return hub.OID{}, err
	}
	if strings.TrimSpace(msg) == "" {
		msg = "Super-squash branch '" + hub.ShortRef(ref) + "'"
	}
	done, err := s.turns.Take(ctx, r.RowID)
	if err != nil {
		return hub.OID{}, err
	}
	defer done()
	base, err := s.baseOf(ctx, r, ref)
	if err != nil {
		return hub.OID{}, err
	}
	if base.Commit.IsZero() {
		return hub.OID{}, errs.RevisionNotFound(branch)
	}
	w := s.git.NewPack(ctx, r.RowID)
	defer w.Abort()
	oid, err := s.writeCommit(ctx, actor, w, base.Tree, nil, message(msg, ""))
	if err != nil {
		return hub.OID{}, err
	}
	pack, err := w.Finish(ctx)
	if err != nil {
		return hub.OID{}, err
	}
	err = s.publish(ctx, actor, r, []*gitstore.Pack{pack}, gitstore.RefUpdate{Name: ref, Old: base.Commit, New: oid}, "repo.squash", false, s.allow)
	if errs.Is(err, errs.Conflict) {
		return hub.OID{}, errs.New(errs.Conflict, "The branch was updated meanwhile; try again.")
	}
	return oid, err
}
