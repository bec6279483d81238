package account

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Kind says what a namespace belongs to.
type Kind string

// The kinds of owners.
const (
	KindUser Kind = "user"
	KindOrg  Kind = "org"
)

// nameHold is how long the name of a deleted or renamed owner stays out of reach of others, so that nobody inherits
// the trust (and the pinned downloads) that it has earned.
const nameHold = 90 * 24 * time.Hour

// Owner is a user or an organisation, as the holder of a namespace.
type Owner struct {
	ID   string
	Kind Kind
	Name string // as its owner writes it
}

// ClaimName gives a name to an owner, in the transaction that creates or renames it. The name must have passed
// CheckName. It is free when nobody has it, when its hold has ended, or when the same owner had it before.
func ClaimName(ctx context.Context, tx *db.Tx, name string, kind Kind, ownerID string) error {
	n, err := tx.Exec(ctx, claimName, nameKey(name), string(kind), ownerID, name, tx.Now().UnixMicro())
	if err != nil {
		return errs.Wrap("account.ClaimName", err)
	}
	if n == 0 {
		return errs.New(errs.Conflict, "The name %q is already taken", name)
	}
	return setWords(ctx, tx, fromName, kind, ownerID, hub.Words(name))
}

// ReleaseName ends an owner's use of a name and holds it against others for 90 days.
func ReleaseName(ctx context.Context, tx *db.Tx, name, ownerID string) error {
	_, err := tx.Exec(ctx, releaseName, tx.Now().Add(nameHold).UnixMicro(), nameKey(name), ownerID)
	if err != nil {
		return errs.Wrap("account.ReleaseName", err)
	}
	return setWords(ctx, tx, fromName, "", ownerID, nil)
}

// Namespace finds who has a name, compared without case.
func Namespace(ctx context.Context, q db.Queryer, name string) (Owner, error) {
	var row ownerRow
	if !db.IsText(name) {
		return Owner{}, errs.New(errs.NotFound, "There is no user or organization named %q", name)
	}
	err := q.Get(ctx, &row, getNamespace, nameKey(name))
	if db.IsNoRows(err) {
		return Owner{}, errs.New(errs.NotFound, "There is no user or organization named %q", name)
	}
	return row.owner(), errs.Wrap("account.Namespace", err)
}

// ownerRow is a name that is in use.
type ownerRow struct {
	OwnerID string `db:"owner_id"`
	Kind    string
	Name    string
}

func (r ownerRow) owner() Owner { return Owner{ID: r.OwnerID, Kind: Kind(r.Kind), Name: r.Name} }

// OwnerByID finds the user or organisation with an id.
func OwnerByID(ctx context.Context, q db.Queryer, id string) (Owner, error) {
	var row ownerRow
	err := q.Get(ctx, &row, getOwnerByID, id)
	if db.IsNoRows(err) {
		return Owner{}, errs.New(errs.NotFound, "There is no user or organization with this id")
	}
	return row.owner(), errs.Wrap("account.OwnerByID", err)
}

// Namespace finds who has a name, compared without case; q nil reads committed rows.
func (s *Service) Namespace(ctx context.Context, q db.Queryer, name string) (Owner, error) {
	if q == nil {
		q = s.db
	}
	return Namespace(ctx, q, name)
}
