package content

import (
	"context"

	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/repo"
)

// Git opens a repository's objects as they are now.
func (s *Service) Git(ctx context.Context, r *repo.Repo) (*gitstore.Repo, error) {
	return s.git.OpenAt(ctx, r.RowID, r.PackSeq, r.FoldEpoch)
}
