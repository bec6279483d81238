package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/hub"
)

// CopyTarget is the repository to that the actor may copy files of src into: whoever may duplicate src as a whole and
// write to the other.
func (s *Service) CopyTarget(ctx context.Context, actor hub.Actor, src *Repo, to hub.RepoID) (*Repo, error) {
	if err := s.mayCopy(ctx, actor, src); err != nil {
		return nil, err
	}
	target, _, err := s.Find(ctx, nil, to)
	if err != nil {
		return nil, err
	}
	return target, s.authz.Repo(ctx, actor, target.Subject(), authz.RepoWrite)
}
