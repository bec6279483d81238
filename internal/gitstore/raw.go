package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Raw is a commit's, a tag's or a tree's bytes as git hashes them. Absent, or of another kind: errs.NotFound.
func (r *Repo) Raw(ctx context.Context, oid hub.OID, kind git.Kind) ([]byte, error) {
	return r.object(ctx, oid, kind, git.MaxWhole)
}
