package sshd

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/gitserve"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// exchange is one command under way.
type exchange struct {
	ctx     context.Context
	cause   *event.Origin // of what the command changes
	user    *peer
	client  *client
	v2      bool
	command command
	actor   hub.Actor
	told    bool // that the repository has moved
}

// admit finds who asks, by what they proved when they connected and what that is worth now, and whether they may. What
// they may not see answers as what is not there.
func (s *Server) admit(e *exchange, rights ...authz.Right) (r *repo.Repo, err error) {
	if e.actor, err = s.o.Accounts.Present(e.ctx, e.user.userID, e.user.proof); err != nil {
		if errs.Is(err, errs.Unauthenticated) {
			err = errs.New(errs.Unauthenticated, "Your key is no longer valid here")
		}
		return nil, err
	}
	e.cause.ActorID, e.cause.ActorName, e.cause.TokenID = e.actor.UserID, e.actor.Name, e.actor.TokenID
	id, ok := repoPath(e.command.path)
	if !ok {
		return nil, errs.RepoNotFound()
	}
	r, moved, err := s.o.Repos.Find(e.ctx, nil, id)
	if err != nil {
		return nil, err
	}
	for _, right := range rights {
		if err := s.o.Authz.Repo(e.ctx, e.actor, r.Subject(), right); err != nil {
			return nil, err
		}
	}
	if moved && !e.told && e.command.name != lfsAuthenticate {
		e.told = true
		e.client.say("This repository has moved. Its name is now " + r.ID().Path() + "; git remote set-url takes the new one.")
	}
	return r, nil
}

// upload serves clone and fetch. In version 2 each request stands for itself, and is admitted by itself.
func (s *Server) upload(e *exchange) error {
	r, err := s.admit(e, authz.RepoContent)
	if err != nil {
		return err
	}
	if !e.v2 {
		return s.ended(e, s.o.Git.UploadDialog(e.ctx, r, e.client))
	}
	hello, err := s.o.Git.Advertise(e.ctx, r, gitserve.UploadPack, true)
	if err != nil {
		return err
	}
	if _, err := e.client.Write(hello); err != nil {
		return err
	}
	for more := true; more; {
		if _, err := e.client.Peek(1); err != nil {
			return nil //nolint:nilerr // the client has what it came for
		}
		if r, err = s.admit(e, authz.RepoContent); err != nil {
			return err
		}
		if more, err = s.o.Git.Upload(e.ctx, r, true, e.client); err != nil {
			return s.ended(e, err)
		}
	}
	return nil
}

// ended tells git's own end, of which it has told the client, from a failure of the hub.
func (s *Server) ended(e *exchange, err error) error {
	if !gitstore.IsProcess(err) {
		return err
	}
	s.o.Log.Info("ssh: upload-pack ended early", "path", clip(e.command.path), "user", e.actor.Name, "error", err)
	return errs.New(errs.Invalid, "The transfer ended early")
}

// receive serves a push.
func (s *Server) receive(e *exchange) error {
	r, err := s.admit(e, authz.RepoContent, authz.RepoWrite)
	if err != nil {
		return err
	}
	hello, err := s.o.Git.Advertise(e.ctx, r, gitserve.ReceivePack, false)
	if err != nil {
		return err
	}
	if _, err := e.client.Write(hello); err != nil {
		return err
	}
	if _, err := e.client.Peek(1); err != nil {
		return nil //nolint:nilerr // there was nothing to push
	}
	if r, err = s.admit(e, authz.RepoContent, authz.RepoWrite); err != nil {
		return err
	}
	return s.o.Git.Receive(e.ctx, e.actor, r, e.client)
}

// The operations of git-lfs.
const (
	lfsUpload   = "upload"
	lfsDownload = "download"
)

// lfs tells git-lfs where this hub takes large files, and gives it a credential for there.
func (s *Server) lfs(e *exchange) error {
	operation := e.command.args[0]
	rights := []authz.Right{authz.RepoContent}
	switch operation {
	case lfsDownload:
	case lfsUpload:
		rights = append(rights, authz.RepoWrite)
	default:
		return errs.New(errs.Invalid, "git-lfs-authenticate takes the operation upload or download")
	}
	r, err := s.admit(e, rights...)
	if err != nil {
		return err
	}
	href := s.o.Origin(e.user.conn.LocalAddr()) + "/" + r.ID().Path() + ".git/info/lfs"
	if _, held := e.user.sc.Permissions.CriticalOptions[sourceAddress]; held { // which the credential would not be, over HTTP
		return errs.New(errs.Forbidden, "Your certificate holds only at some addresses (source-address), so it opens no large files, which go over HTTP. "+
			"Use HTTP with an access token for them: git config lfs.url %s", href)
	}
	authorization, life := s.o.LFS(e.actor, r.RowID, operation)
	b, err := json.Marshal(map[string]any{
		"href":       href,
		"header":     map[string]string{"Authorization": authorization},
		"expires_in": int64(life / time.Second),
	})
	if err == nil {
		_, err = e.client.Write(append(b, '\n'))
	}
	return err
}

// greet answers ssh -T.
func (s *Server) greet(e *exchange) (err error) {
	if e.actor, err = s.o.Accounts.Present(e.ctx, e.user.userID, e.user.proof); err != nil {
		return err
	}
	name, what := e.actor.Name, "You have signed in to "+s.o.SiteName+", which offers git and no shell access."
	if e.actor.Deploy {
		r, err := s.o.Repos.Get(e.ctx, nil, e.actor.RepoID)
		if err != nil {
			return err
		}
		name = r.ID().Path()
		if what = "This deploy key reads that repository."; e.actor.MayWrite() {
			what = "This deploy key reads and writes that repository."
		}
	}
	_, err = e.client.Write([]byte("Hi " + printable(name) + "! " + printable(what) + "\n"))
	return err
}
