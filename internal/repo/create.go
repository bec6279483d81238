package repo

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// NewRepo is what a repository begins with.
type NewRepo struct {
	ID          hub.RepoID
	Visibility  hub.Visibility // empty: what the owner has decided, public if nothing
	License     string
	LicenseName string
	LicenseLink string

	// Of a Space.
	SDK, SDKVersion  string
	ShortDescription string

	Files []NewFile // besides those that every repository gets; they win over them
}

// NewFile is a small file of the initial commit.
type NewFile struct {
	Path    string
	Content []byte
}

// Create makes a repository with one commit. A name that is taken: errs.Conflict, and of callers that race for a name
// exactly one wins.
func (s *Service) Create(ctx context.Context, actor hub.Actor, n NewRepo) (*Repo, error) {
	owner, err := s.mayCreate(ctx, actor, n.ID)
	if err != nil {
		return nil, err
	}
	n.ID.Namespace = owner.Name
	r := s.newRow(actor, n.ID, owner)
	for _, f := range n.Files {
		if s.hooks.CheckFile != nil {
			if err := s.hooks.CheckFile(ctx, f.Path, f.Content); err != nil {
				return nil, err
			}
		}
	}
	files, err := n.files()
	if err != nil {
		return nil, err
	}
	commit, err := s.initialCommit(ctx, actor, r, files)
	if err != nil {
		return nil, errs.Wrap("repo.Create", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.claim(ctx, tx, r, n.Visibility, ""); err != nil {
			return err
		}
		if err := s.land(ctx, tx, r, commit); err != nil {
			return err
		}
		return s.record(ctx, tx, "repo.create", actor, r, nil)
	})
	if err != nil {
		return nil, taken(err, n.ID)
	}
	return s.Get(ctx, nil, r.RowID)
}

// mayCreate finds the namespace's owner, asks whether the actor may create there, and refuses a name that is taken
// before anything is built. The transaction asks again.
func (s *Service) mayCreate(ctx context.Context, actor hub.Actor, id hub.RepoID) (account.Owner, error) {
	if actor.Anonymous() {
		return account.Owner{}, errs.New(errs.Unauthenticated, "Sign in to create a repository")
	}
	owner, err := account.Namespace(ctx, s.db, id.Namespace)
	if err != nil {
		return owner, err
	}
	if err := s.authz.CreateIn(ctx, actor, owner.ID, owner.Kind); err != nil {
		return owner, err
	}
	if err := CheckName(id.Namespace, id.Name); err != nil {
		return owner, err
	}
	switch r, err := byKey(ctx, s.db, id.Type, id.Key()); {
	case err != nil:
		return owner, errs.Wrap("repo.mayCreate", err)
	case r != nil:
		return owner, existsAlready(id)
	}
	return owner, nil
}

func (s *Service) newRow(actor hub.Actor, id hub.RepoID, owner account.Owner) *Repo {
	now := s.now().UnixMicro()
	return &Repo{
		RowID: hub.NewID(), Type: id.Type, OwnerID: owner.ID, Namespace: owner.Name, Name: id.Name,
		CreatedBy: actor.UserID, DefaultBranch: gitstore.DefaultBranch, CreatedAt: now, ModifiedAt: now,
	}
}

// claim takes the name, which must still be free, in a namespace that must still be its owner's. The repository is as
// visible as was asked, or like the one that it comes from, as far as its owner's rules let it.
func (s *Service) claim(ctx context.Context, tx *db.Tx, r *Repo, asked, like hub.Visibility) error {
	if err := sameOwner(ctx, tx, r.Namespace, r.OwnerID); err != nil {
		return err
	}
	rules, err := s.rules(ctx, tx, r.OwnerID)
	if err != nil {
		return err
	}
	if like == "" {
		like = rules.ofNew()
	}
	if r.Visibility, err = rules.admit(asked, like); err != nil {
		return err
	}
	if err := freeName(ctx, tx, r.ID(), r.OwnerID); err != nil {
		return err
	}
	ok, err := insertRepo(ctx, tx, r)
	if err == nil && !ok {
		err = existsAlready(r.ID())
	}
	s.quota.PlaceNew(ctx, tx, r.RowID, r.OwnerID, r.Private())
	return err
}

// sameOwner makes sure that a namespace has not changed hands since the right was checked.
func sameOwner(ctx context.Context, tx *db.Tx, namespace, ownerID string) error {
	owner, err := account.Namespace(ctx, tx, namespace)
	if err != nil {
		return err
	}
	if owner.ID != ownerID {
		return errs.New(errs.Conflict, "The namespace %q has changed meanwhile; try again", namespace)
	}
	return nil
}

// land puts the initial commit into the new row's git repository.
func (s *Service) land(ctx context.Context, tx *db.Tx, r *Repo, c *firstCommit) error {
	if err := s.git.Init(ctx, tx, r.RowID); err != nil {
		return err
	}
	if err := s.git.AddPack(ctx, tx, r.RowID, c.pack); err != nil {
		return err
	}
	ref := gitstore.RefUpdate{Name: "refs/heads/" + r.DefaultBranch, New: c.id}
	if err := s.git.UpdateRefs(ctx, tx, r.RowID, []gitstore.RefUpdate{ref}); err != nil {
		return err
	}
	return s.Refresh(ctx, tx, r.RowID, Update{Head: c.id, At: time.UnixMicro(r.ModifiedAt), Facts: c.facts})
}

// record writes an event about a repository. Its data names the repository, since the row may be gone when it is read.
func (s *Service) record(ctx context.Context, tx *db.Tx, kind string, actor hub.Actor, r *Repo, more map[string]any) error {
	return s.recordFor(ctx, tx, r.OwnerID, kind, actor, r, more)
}

// recordFor writes an event on a repository into somebody's log.
func (s *Service) recordFor(ctx context.Context, tx *db.Tx, ownerID, kind string, actor hub.Actor, r *Repo, more map[string]any) error {
	data := map[string]any{"type": string(r.Type), "name": r.ID().String(), "private": r.Private()}
	for k, v := range more {
		data[k] = v
	}
	return event.Append(ctx, tx, event.Event{RepoID: r.RowID, OwnerID: ownerID, Kind: kind, ActorID: actor.UserID, Data: data, At: s.now()})
}

func existsAlready(id hub.RepoID) *errs.Error {
	return errs.New(errs.Conflict, "A %s repository called %s already exists", id.Type, id)
}

// taken turns a broken unique index, which a race on PostgreSQL may end in, into the answer for a name that is taken.
func taken(err error, id hub.RepoID) error {
	if db.IsUnique(err) {
		return existsAlready(id)
	}
	return errs.Wrap("repo", err)
}
