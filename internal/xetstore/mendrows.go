package xetstore

import (
	"context"
	"maps"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// MendRights has a repository's rights to xorbs be those of the files that it has. It reports how many it gave and took
// away. Taking away is decided in one transaction with what its files are made of, so none goes that a new file needs.
func (m *Mend) MendRights(ctx context.Context, repoID string) (given, taken int, err error) {
	err = m.s.db.Tx(ctx, func(tx *db.Tx) error {
		given, taken, err = m.mendRights(ctx, tx, repoID)
		return err
	})
	return given, taken, errs.Wrap("xetstore.MendRights", err)
}

func (m *Mend) mendRights(ctx context.Context, tx *db.Tx, repoID string) (given, taken int, err error) {
	needed := map[xet.Hash]bool{}
	if err := m.s.eachTerms(ctx, tx, repoID, func(x xet.Hash) { needed[x] = true }); err != nil {
		return 0, 0, err
	}
	var rows [][]byte
	if err := tx.Select(ctx, &rows, selectRightsOf, repoID); err != nil {
		return 0, 0, err
	}
	var extra, lacking []xet.Hash
	for _, r := range rows {
		if h := xet.Hash(r); needed[h] {
			delete(needed, h)
		} else {
			extra = append(extra, h)
		}
	}
	// A xorb without a row is other damage.
	err = eachKnown(ctx, tx, slices.Collect(maps.Keys(needed)), func(h xet.Hash) {
		if needed[h] {
			delete(needed, h)
			lacking = append(lacking, h)
		}
	})
	if err != nil {
		return 0, 0, err
	}
	if m.dry {
		return len(lacking), len(extra), nil
	}
	if err := insertRepoXorbs(ctx, tx, repoID, lacking); err != nil {
		return 0, 0, err
	}
	return len(lacking), len(extra), unlinkXorbs(ctx, tx, repoID, extra)
}

// Adopt gives a xorb that files name and that has no row the row that its blob proves, from here or a replica. It reports
// whether there is one.
func (m *Mend) Adopt(ctx context.Context, h xet.Hash) (How, error) {
	row, err := getXorb(ctx, m.s.db, h)
	if err != nil || row != nil {
		return WasSound, errs.Wrap("xetstore.Adopt", err)
	}
	for i, r := range append([]Replica{m.s.blobs}, m.replicas...) {
		x, err := indexIn(ctx, r, h, 0)
		if err != nil {
			return "", errs.Wrap("xetstore.Adopt", err)
		}
		if x == nil {
			continue
		}
		how, err := m.adoptFrom(ctx, r, x, i == 0)
		if how != "" || err != nil {
			return how, errs.Wrap("xetstore.Adopt", err)
		}
	}
	return "", nil
}

func (m *Mend) adoptFrom(ctx context.Context, r Replica, x *xet.Index, own bool) (How, error) {
	how := FromReplica
	if own {
		how = FromItself
	}
	since := m.s.micros()
	up, err := m.s.blobs.Create(ctx)
	if err != nil {
		return "", err
	}
	defer up.Abort()
	body, err := r.Open(ctx, xorbKey(x.Hash), 0, x.BodyLen())
	if err == nil {
		defer body.Close()
		x, err = xet.VerifyXorb(body, up, x.Hash)
	}
	switch {
	case err != nil && blames(err):
		return "", nil
	case err != nil:
		return "", err
	case m.dry:
		return how, nil
	}
	if _, err := up.Write(x.AppendTrailer(nil)); err != nil {
		return "", err
	}
	return how, m.s.enlist(ctx, up, x, since)
}
