package account

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/signature"
)

// maxGPGKeys bounds the keys of one user: listing them verifies each.
const maxGPGKeys = 50

// maxKeyIDs bounds the ids of one key, its own and those of its subkeys: signatures look a key up by each of them.
const maxKeyIDs = 32

// maxHolders bounds the holders that are found for one key id: any number of users may add one key.
const maxHolders = 16

// GPGKey is a public OpenPGP key of a user. It proves nothing by itself; commits that it signed are shown as the user's.
type GPGKey struct {
	ID          string
	UserID      string
	Title       string
	Fingerprint string   // of the primary key, upper-case hex
	KeyIDs      []string // 16 hex digits: the primary key's, then those of subkeys
	Emails      []string // that the key names
	Armored     string
	CreatedAt   time.Time // when it was added
	ExpiresAt   time.Time // zero: never
	Revoked     bool
}

type gpgKeyRow struct {
	ID          string
	UserID      string `db:"user_id"`
	Title       string
	Fingerprint string
	Armored     string
	CreatedAt   int64 `db:"created_at"`
}

func (r gpgKeyRow) key(k *signature.PGPKey) *GPGKey {
	return &GPGKey{
		ID: r.ID, UserID: r.UserID, Title: r.Title, Fingerprint: r.Fingerprint, Armored: r.Armored, CreatedAt: fromMicros(&r.CreatedAt),
		KeyIDs: k.KeyIDs, Emails: k.Emails, ExpiresAt: k.Expires, Revoked: k.Revoked,
	}
}

// AddGPGKey gives a user a key in armour; without a title it is called as its primary identity. by is who does it; the
// zero actor is the operator of the hub.
func (s *Service) AddGPGKey(ctx context.Context, by hub.Actor, userID, title, armored string) (*GPGKey, error) {
	armored = strings.TrimSpace(armored) + "\n"
	k, err := readGPGKey(armored)
	if err != nil {
		return nil, err
	}
	if title = strings.TrimSpace(title); title == "" {
		title = k.Name
	}
	if !db.IsText(title) || title == "" || utf8.RuneCountInString(title) > maxKeyTitle || strings.ContainsFunc(title, isControl) {
		return nil, errs.New(errs.Invalid, "Give the key a title of 1 to %d characters without control characters, to recognise it by", maxKeyTitle)
	}
	row := gpgKeyRow{ID: hub.NewID(), UserID: userID, Title: title, Fingerprint: k.Fingerprint, Armored: armored, CreatedAt: s.now().UnixMicro()}
	err = s.write(ctx, func(tx *db.Tx) error { return s.insertGPG(ctx, tx, by, row, k.KeyIDs) })
	if err != nil {
		return nil, errs.Wrap("account.AddGPGKey", err)
	}
	return row.key(k), nil
}

// readGPGKey says in the user's words what is wrong with a key.
func readGPGKey(armored string) (*signature.PGPKey, error) {
	k, err := signature.ReadPGPKey(armored)
	switch {
	case err == nil && !db.IsText(armored):
		err = signature.ErrMalformed
	case err == nil && len(k.KeyIDs) > maxKeyIDs:
		return nil, errs.New(errs.Invalid, "The key has %d subkeys; the hub takes %d at most. Give it only those that sign, each with an exclamation mark: gpg --armor --export SUBKEY! SUBKEY!", len(k.KeyIDs)-1, maxKeyIDs-1)
	case err == nil:
		return k, nil
	}
	switch {
	case errors.Is(err, signature.ErrPrivateKey):
		return nil, errs.New(errs.Invalid, "This is a private key: never give it away. Add the public one: gpg --armor --export KEY")
	case errors.Is(err, signature.ErrManyKeys):
		return nil, errs.New(errs.Invalid, "Add one key at a time: gpg --armor --export KEY")
	}
	return nil, errs.New(errs.Invalid, "This is not a public OpenPGP key in armour, or one that cannot sign: give what gpg --armor --export KEY prints, at most %d bytes", signature.MaxPGPKey)
}

func (s *Service) insertGPG(ctx context.Context, tx *db.Tx, by hub.Actor, r gpgKeyRow, keyIDs []string) error {
	if _, err := findUser(ctx, tx, getUserByID, r.UserID); err != nil {
		return err
	}
	var have int64
	if err := tx.Get(ctx, &have, countGPGKeys, r.UserID); err != nil {
		return err
	}
	if have >= maxGPGKeys {
		return errs.New(errs.Unprocessable, "There are %d keys already: delete one that is no longer used", have)
	}
	n, err := tx.Exec(ctx, insertGPGKey, r.ID, r.UserID, r.Title, r.Fingerprint, r.Armored, r.CreatedAt)
	if err != nil {
		return err
	}
	if n == 0 {
		return errs.New(errs.Conflict, "The user has this key already; to replace it by a newer form of it, delete it first")
	}
	ids := make([]any, 0, 2*len(keyIDs))
	for _, id := range keyIDs {
		ids = append(ids, id, r.ID)
	}
	if _, err := tx.Exec(ctx, fragAddKeyID+strings.Repeat(fragAnother, len(keyIDs)-1), ids...); err != nil {
		return err
	}
	return event.Append(ctx, tx, event.Event{Kind: "user.gpgkey.add", OwnerID: r.UserID, ActorID: by.UserID, At: s.now(), Data: keyEvent(r.ID, r.Title, r.Fingerprint)})
}

// GPGKeys lists a user's keys, the newest first.
func (s *Service) GPGKeys(ctx context.Context, userID string) ([]*GPGKey, error) {
	var rows []gpgKeyRow
	if err := s.db.Select(ctx, &rows, listGPGKeys, userID); err != nil {
		return nil, errs.Wrap("account.GPGKeys", err)
	}
	keys := make([]*GPGKey, len(rows))
	for i, r := range rows {
		k, err := signature.ReadPGPKey(r.Armored)
		if err != nil { // it was read when it was added
			return nil, errs.Wrap("account.GPGKeys", err)
		}
		keys[i] = r.key(k)
	}
	return keys, nil
}

// DeleteGPGKey takes a key from a user: what it signed is nobody's from then on.
func (s *Service) DeleteGPGKey(ctx context.Context, by hub.Actor, userID, id string) error {
	return errs.Wrap("account.DeleteGPGKey", s.deleteKey(ctx, deleteGPGKey, userID, id,
		event.Event{Kind: "user.gpgkey.delete", OwnerID: userID, ActorID: by.UserID}))
}

// SigningKey is a key that may have signed something, and whose it is.
type SigningKey struct {
	ID          string // of the key's row: another if it is deleted and added again
	Named       string // what it was asked for by: a key id or a fingerprint
	Fingerprint string
	Size        int64  // of an OpenPGP key's armour in bytes: GPGArmor gives it
	User        string `db:"user_name"`
	Email       string // of the user
}

// GPGSigners finds users' OpenPGP keys by key ids, those that were added first first. Any number of users may have one key:
// of each id at most 16 come, whose address is among the e-mails before others.
func (s *Service) GPGSigners(ctx context.Context, keyIDs, emails []string) ([]SigningKey, error) {
	if len(keyIDs) == 0 {
		return nil, nil
	}
	addresses := []string{"nobody"} // a list must not be empty; this is nobody's address
	for _, e := range emails {
		if len(e) <= maxEmail && db.IsText(e) {
			addresses = append(addresses, strings.ToLower(e))
		}
	}
	return signers(ctx, s.db, selectGPGSigners, addresses, keyIDs, maxHolders)
}

// SSHSigners finds users' SSH keys by their fingerprints.
func (s *Service) SSHSigners(ctx context.Context, fingerprints []string) ([]SigningKey, error) {
	if len(fingerprints) == 0 {
		return nil, nil
	}
	return signers(ctx, s.db, selectSSHSigners, fingerprints)
}

func signers(ctx context.Context, q db.Queryer, statement string, args ...any) ([]SigningKey, error) {
	query, args, err := db.In(statement, args...)
	if err != nil {
		return nil, errs.Wrap("account.signers", err)
	}
	var keys []SigningKey
	err = q.Select(ctx, &keys, query, args...)
	return keys, errs.Wrap("account.signers", err)
}

// GPGArmor gives the armour of OpenPGP keys by the ids of their rows, all at once: the caller bounds their sizes. What was
// deleted is left out.
func (s *Service) GPGArmor(ctx context.Context, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	query, args, err := db.In(selectGPGArmor, ids)
	if err != nil {
		return nil, errs.Wrap("account.GPGArmor", err)
	}
	var rows []gpgKeyRow
	if err := s.db.Select(ctx, &rows, query, args...); err != nil {
		return nil, errs.Wrap("account.GPGArmor", err)
	}
	armor := make(map[string]string, len(rows))
	for i := range rows {
		armor[rows[i].ID] = rows[i].Armored
	}
	return armor, nil
}
