package repo

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

const infoBytes = 16 << 20

// infoCache keeps the answers about repositories for as long as the database has not changed: clients ask for the same
// few again and again.
type infoCache = db.Memo[infoKey, json.RawMessage]

type infoKey struct {
	row, commit, expand string
	blobs, security     bool
}

func newInfoCache(d *db.DB) *infoCache {
	return db.NewMemo[infoKey](d, infoBytes, func(body json.RawMessage) int64 { return int64(len(body)) })
}

// InfoJSON is Info, encoded.
func (s *Service) InfoJSON(ctx context.Context, r *Repo, o InfoOptions) (json.RawMessage, error) {
	k := infoKey{r.RowID, o.Commit, strings.Join(o.Expand, ","), o.Blobs, o.SecurityStatus}
	body, err := s.infos.Get(k, func() (json.RawMessage, error) {
		doc, err := s.Info(ctx, r, o)
		if err != nil {
			return nil, err
		}
		return json.Marshal(doc)
	})
	return body, errs.Wrap("repo.InfoJSON", err)
}
