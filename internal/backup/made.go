package backup

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
)

// The kinds of copies of which a hub remembers the newest.
const (
	madeBackup    = "backup"
	madeCatalogue = "catalogue"
)

// Copy is a copy that came to its end. The zero value is none.
type Copy struct {
	ID              string
	Taken, Finished time.Time
}

// Made is the newest copies of a hub that it knows of.
type Made struct{ Backup, Catalogue Copy }

// LastMade is what a hub knows of its copies, wherever they are and whoever made them.
func LastMade(ctx context.Context, q db.Queryer) (m Made, err error) {
	var rows []struct {
		Kind, ID   string
		TakenAt    int64 `db:"taken_at"`
		FinishedAt int64 `db:"finished_at"`
	}
	if err := q.Select(ctx, &rows, selectMade); err != nil {
		return m, err
	}
	for _, r := range rows {
		c := Copy{r.ID, time.UnixMicro(r.TakenAt), time.UnixMicro(r.FinishedAt)}
		switch r.Kind {
		case madeBackup:
			m.Backup = c
		case madeCatalogue:
			m.Catalogue = c
		}
	}
	return m, nil
}

// remember tells the hub of a copy of it. The copy is whole without: that it is not known does no harm but to alarm somebody.
func (h *Hub) remember(ctx context.Context, kind string, m *Manifest) {
	err := h.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, upsertMade, kind, m.ID, m.Created.UnixMicro(), m.Finished.UnixMicro())
		return err
	})
	if err != nil {
		h.Log.Warn("the hub was not told of its newest copy, which is whole", "kind", kind, "id", m.ID, "error", err)
	}
}
