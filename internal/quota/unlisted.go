package quota

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
)

// Placed is a repository and whose it is.
type Placed struct {
	RepoID, OwnerID string
	Private         bool
}

// Repos tells which repositories there are. An older version of the hub that still runs beside this one makes, moves and
// hides them without telling quotas.
type Repos interface {
	// PlaceOf finds one; nil: there is none.
	PlaceOf(ctx context.Context, q db.Queryer, repoID string) (*Placed, error)
	// Places is a page of all, in the order of their ids.
	Places(ctx context.Context, q db.Queryer, after string, limit int) ([]Placed, error)
}

// unlisted counts a repository without a row; nil: there is no such repository.
func (s *Service) unlisted(ctx context.Context, q db.Queryer, id string) (*repoRow, error) {
	if s.Repos == nil {
		return nil, nil
	}
	at, err := s.Repos.PlaceOf(ctx, q, id)
	if err != nil || at == nil {
		return nil, err
	}
	large, packs, err := s.measure(ctx, q, []string{id})
	return &repoRow{RepoID: id, OwnerID: at.OwnerID, Private: at.Private, Large: large[id], Packs: packs[id]}, err
}

// list gives a repository its row if it has none.
func (s *Service) list(ctx context.Context, id string) error {
	row, err := getRepo(ctx, s.DB, id)
	if err != nil || row != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		s.ledger(ctx, tx).entry(id)
		return nil
	})
}

// recountPlaces gives rows to repositories that have none, and lets those count where they are by now that an older
// version has moved.
func (s *Service) recountPlaces(ctx context.Context, d *Drift) error {
	for after := ""; s.Repos != nil; {
		places, err := s.Repos.Places(ctx, s.DB, after, recountPage)
		if err != nil || len(places) == 0 {
			return err
		}
		after = places[len(places)-1].RepoID
		rows, err := getRepos(ctx, s.DB, places)
		if err != nil {
			return err
		}
		for _, p := range places {
			if row, ok := rows[p.RepoID]; ok && row.OwnerID == p.OwnerID && row.Private == p.Private {
				continue
			}
			if err := s.repairPlace(ctx, p.RepoID, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) repairPlace(ctx context.Context, id string, d *Drift) error {
	wrong, off := false, int64(0)
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		wrong = false
		at, err := s.Repos.PlaceOf(ctx, tx, id)
		if err != nil || at == nil {
			return err
		}
		row, err := getRepo(ctx, tx, id)
		if err == nil && row == nil {
			row, err = s.unlisted(ctx, tx, id)
		} else if err == nil && row.OwnerID == at.OwnerID && row.Private == at.Private {
			return nil
		}
		if err != nil {
			return err
		}
		wrong, off = true, row.total()
		e := s.ledger(ctx, tx).entry(id)
		e.placed, e.ownerID, e.private = true, at.OwnerID, at.Private
		return nil
	})
	if err == nil && wrong {
		d.WrongRepos++
		d.Bytes += off
	}
	return err
}
