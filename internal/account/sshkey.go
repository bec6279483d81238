package account

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	maxKeyTitle = 128
	maxKeys     = 200 // of one user or repository
)

// SSHKey is a public key. It belongs to a user, who proves by it who they are, or to a repository: a deploy key, which
// opens that repository and no other.
type SSHKey struct {
	ID          string
	UserID      string // empty for a deploy key
	RepoID      string // row id; empty for a user's key
	MayWrite    bool   // of a deploy key
	Title       string
	Algorithm   string // ssh-ed25519, …
	PublicKey   string // algorithm and base64, as in an authorized_keys file
	Fingerprint string // SHA256:…, as ssh-keygen -l prints it
	CreatedAt   time.Time
	LastUsedAt  time.Time // zero: never
}

// NewSSHKey is what AddSSHKey and AddDeployKey need. Key is the line of a .pub file; without a title its comment is one.
type NewSSHKey struct {
	Title    string
	Key      string
	MayWrite bool // of a deploy key
}

type sshKeyRow struct {
	ID          string
	UserID      *string `db:"user_id"`
	RepoID      *string `db:"repo_id"`
	MayWrite    bool    `db:"may_write"`
	Title       string
	Algorithm   string
	PublicKey   string `db:"public_key"`
	Fingerprint string
	CreatedAt   int64  `db:"created_at"`
	LastUsedAt  *int64 `db:"last_used_at"`
}

func (r sshKeyRow) key() *SSHKey {
	return &SSHKey{
		ID: r.ID, UserID: orEmpty(r.UserID), RepoID: orEmpty(r.RepoID), MayWrite: r.MayWrite, Title: r.Title, Algorithm: r.Algorithm,
		PublicKey: r.PublicKey, Fingerprint: r.Fingerprint, CreatedAt: fromMicros(&r.CreatedAt), LastUsedAt: fromMicros(r.LastUsedAt),
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// AddSSHKey gives a user a key. by is who does it; the zero actor is the operator of the hub.
func (s *Service) AddSSHKey(ctx context.Context, by hub.Actor, userID string, n NewSSHKey) (*SSHKey, error) {
	row, err := s.newKeyRow(by, n)
	if err != nil {
		return nil, err
	}
	row.UserID, row.MayWrite = &userID, true
	err = s.write(ctx, func(tx *db.Tx) error {
		if _, err := findUser(ctx, tx, getUserByID, userID); err != nil {
			return err
		}
		return s.insertKey(ctx, tx, row, countSSHKeys, userID, event.Event{Kind: "user.key.add", OwnerID: userID, ActorID: by.UserID})
	})
	if err != nil {
		return nil, errs.Wrap("account.AddSSHKey", err)
	}
	return row.key(), nil
}

// AddDeployKey gives a repository a key of its own. Whether the actor may is the caller's to ask.
func (s *Service) AddDeployKey(ctx context.Context, by hub.Actor, r hub.RepoRow, n NewSSHKey) (*SSHKey, error) {
	row, err := s.newKeyRow(by, n)
	if err != nil {
		return nil, err
	}
	row.RepoID, row.MayWrite = &r.ID, n.MayWrite
	err = s.write(ctx, func(tx *db.Tx) error {
		return s.insertKey(ctx, tx, row, countDeployKeys, r.ID, event.Event{Kind: "repo.key.add", RepoID: r.ID, OwnerID: r.OwnerID, ActorID: by.UserID})
	})
	if err != nil {
		return nil, errs.Wrap("account.AddDeployKey", err)
	}
	return row.key(), nil
}

func (s *Service) newKeyRow(by hub.Actor, n NewSSHKey) (sshKeyRow, error) {
	if err := outlives(by, time.Time{}); err != nil { // a key has no end
		return sshKeyRow{}, err
	}
	key, comment, err := parsePublicKey(n.Key)
	if err != nil {
		return sshKeyRow{}, err
	}
	title := strings.TrimSpace(n.Title)
	if title == "" {
		title = strings.TrimSpace(comment)
	}
	if !utf8.ValidString(title) || title == "" || utf8.RuneCountInString(title) > maxKeyTitle || strings.ContainsFunc(title, isControl) {
		return sshKeyRow{}, errs.New(errs.Invalid, "Give the key a title of 1 to %d characters without control characters, to recognise it by", maxKeyTitle)
	}
	return sshKeyRow{
		ID: hub.NewID(), Title: title, Algorithm: key.Type(), PublicKey: keyText(key),
		Fingerprint: ssh.FingerprintSHA256(key), CreatedAt: s.now().UnixMicro(),
	}, nil
}

func (s *Service) insertKey(ctx context.Context, tx *db.Tx, r sshKeyRow, count, owner string, e event.Event) error {
	var have int64
	if err := tx.Get(ctx, &have, count, owner); err != nil {
		return err
	}
	if have >= maxKeys {
		return errs.New(errs.Unprocessable, "There are %d keys already: delete one that is no longer used", have)
	}
	n, err := tx.Exec(ctx, insertSSHKey, r.ID, r.UserID, r.RepoID, r.MayWrite, r.Title, r.Algorithm, r.PublicKey, r.Fingerprint, r.CreatedAt)
	if err != nil {
		return err
	}
	if n == 0 {
		return errs.New(errs.Conflict, "This key is in use on this hub already, and a key belongs to one user or one repository: make another one (ssh-keygen -t ed25519)")
	}
	e.At, e.Data = s.now(), keyEvent(r.ID, r.Title, r.Fingerprint)
	return event.Append(ctx, tx, e)
}

func keyEvent(id, title, fingerprint string) map[string]any {
	return map[string]any{"key": id, "title": title, "fingerprint": fingerprint}
}

// SSHKeys lists a user's keys, the newest first.
func (s *Service) SSHKeys(ctx context.Context, userID string) ([]*SSHKey, error) {
	return s.listKeys(ctx, listSSHKeys, userID)
}

// DeployKeys lists the keys of a repository, the newest first.
func (s *Service) DeployKeys(ctx context.Context, repoID string) ([]*SSHKey, error) {
	return s.listKeys(ctx, listDeployKeys, repoID)
}

func (s *Service) listKeys(ctx context.Context, query, owner string) ([]*SSHKey, error) {
	var rows []sshKeyRow
	if err := s.db.Select(ctx, &rows, query, owner); err != nil {
		return nil, errs.Wrap("account.SSHKeys", err)
	}
	keys := make([]*SSHKey, len(rows))
	for i, r := range rows {
		keys[i] = r.key()
		if at := s.uses.of(proof{touchSSHKey, r.ID}); at.After(keys[i].LastUsedAt) {
			keys[i].LastUsedAt = at
		}
	}
	return keys, nil
}

// SSHKeyByFingerprint finds a key, whosever it is; errs.NotFound.
func (s *Service) SSHKeyByFingerprint(ctx context.Context, fingerprint string) (*SSHKey, error) {
	var row sshKeyRow
	err := s.db.Get(ctx, &row, getSSHKey, fingerprint)
	if db.IsNoRows(err) {
		return nil, errs.New(errs.NotFound, "Nobody has the key %s", fingerprint)
	}
	return row.key(), errs.Wrap("account.SSHKeyByFingerprint", err)
}

// DeleteSSHKey ends a user's key, at once.
func (s *Service) DeleteSSHKey(ctx context.Context, by hub.Actor, userID, id string) error {
	return errs.Wrap("account.DeleteSSHKey", s.deleteKey(ctx, deleteSSHKey, userID, id,
		event.Event{Kind: "user.key.delete", OwnerID: userID, ActorID: by.UserID}))
}

// DeleteDeployKey ends a key of a repository, at once.
func (s *Service) DeleteDeployKey(ctx context.Context, by hub.Actor, r hub.RepoRow, id string) error {
	return errs.Wrap("account.DeleteDeployKey", s.deleteKey(ctx, deleteDeployKey, r.ID, id,
		event.Event{Kind: "repo.key.delete", RepoID: r.ID, OwnerID: r.OwnerID, ActorID: by.UserID}))
}

func (s *Service) deleteKey(ctx context.Context, statement, owner, id string, e event.Event) error {
	if !db.IsText(id) {
		return noSuchKey()
	}
	return s.write(ctx, func(tx *db.Tx) error {
		var gone struct{ Title, Fingerprint string }
		err := tx.Get(ctx, &gone, statement, owner, id)
		if db.IsNoRows(err) {
			return noSuchKey()
		}
		if err != nil {
			return err
		}
		e.At, e.Data = s.now(), keyEvent(id, gone.Title, gone.Fingerprint)
		return event.Append(ctx, tx, e)
	})
}

func noSuchKey() error { return errs.New(errs.NotFound, "There is no key with this id") }
