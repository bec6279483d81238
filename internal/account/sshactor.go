package account

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// AuthenticateSSHKey finds whose key a fingerprint names. That its holder has the private half is the caller's to see.
// Unknown keys and those of disabled users get one answer.
func (s *Service) AuthenticateSSHKey(ctx context.Context, fingerprint string) (hub.Actor, error) {
	a, err := s.cache.get(ctx, "k:"+fingerprint, s.loadKey)
	if db.IsNoRows(err) {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	return a, errs.Wrap("account.AuthenticateSSHKey", err)
}

// keyActorRow is a key and, unless it is a deploy key, its user.
type keyActorRow struct {
	ID        string
	Title     string
	RepoID    *string `db:"repo_id"`
	MayWrite  bool    `db:"may_write"`
	UserID    *string `db:"user_id"`
	Name      *string
	SiteAdmin *bool `db:"site_admin"`
}

func (r keyActorRow) actor() hub.Actor {
	a := hub.Actor{Proof: hub.ProofKey, TokenID: keyProof + r.ID, TokenName: r.Title, Token: hub.TokenWrite}
	if r.UserID != nil {
		a.UserID, a.Name, a.SiteAdmin = *r.UserID, orEmpty(r.Name), r.SiteAdmin != nil && *r.SiteAdmin
		return a
	}
	a.UserID, a.Name, a.RepoID, a.Deploy = r.ID, "deploy key "+r.ID, orEmpty(r.RepoID), true
	if !r.MayWrite {
		a.Token = hub.TokenRead
	}
	return a
}

func (s *Service) loadKey(ctx context.Context, key string) (hub.Actor, time.Time, error) {
	var row keyActorRow
	err := s.db.Get(ctx, &row, getKeyActor, strings.TrimPrefix(key, "k:"))
	return row.actor(), time.Time{}, err
}

// presentKey is Present for an SSH key, and counts as its use.
func (s *Service) presentKey(ctx context.Context, userID, keyID string) (hub.Actor, error) {
	var row keyActorRow
	err := s.db.Get(ctx, &row, getPresentKey, keyID)
	a := row.actor()
	if db.IsNoRows(err) || err == nil && a.UserID != userID {
		return hub.Actor{}, errs.New(errs.Unauthenticated, badCredentials)
	}
	if err != nil {
		return hub.Actor{}, errs.Wrap("account.Present", err)
	}
	s.uses.touch(proof{touchSSHKey, keyID})
	return a, nil
}

// AuthenticateCertificate finds the user whom a certificate names, until is the unix second of its end. That a trusted
// authority has signed it, and that it holds now, is the caller's to see. Unknown and disabled users get one answer.
func (s *Service) AuthenticateCertificate(ctx context.Context, name string, until int64) (hub.Actor, error) {
	refused := errs.New(errs.Unauthenticated, badCredentials)
	if !db.IsText(name) {
		return hub.Actor{}, refused
	}
	u, err := s.Get(ctx, name)
	if errs.Is(err, errs.NotFound) || err == nil && !u.DisabledAt.IsZero() {
		return hub.Actor{}, refused
	}
	if err != nil {
		return hub.Actor{}, err
	}
	return s.Present(ctx, u.ID, certProof+strconv.FormatInt(until, 10))
}
