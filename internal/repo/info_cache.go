package repo

import (
	"context"
	"encoding/json"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	maxInfos    = 2048
	maxInfoSize = 16 << 10 // bytes of an answer that is kept; larger ones are made anew
)

// infoCache keeps the answers about repositories for as long as the database has not changed: clients ask for the same
// few again and again.
type infoCache struct {
	answers *lru.Cache[infoKey, infoAnswer]
}

type infoKey struct {
	row, commit, expand string
	blobs, security     bool
}

type infoAnswer struct {
	body    json.RawMessage
	changes uint64
}

func newInfoCache() *infoCache {
	answers, _ := lru.New[infoKey, infoAnswer](maxInfos) // fails for a size below one only
	return &infoCache{answers}
}

// InfoJSON is Info, encoded.
func (s *Service) InfoJSON(ctx context.Context, r *Repo, o InfoOptions) (json.RawMessage, error) {
	k := infoKey{r.RowID, o.Commit, strings.Join(o.Expand, ","), o.Blobs, o.SecurityStatus}
	changes := s.db.Changes() // taken first: what changes while the answer is made makes it stale
	if a, ok := s.infos.answers.Get(k); ok && a.changes == changes {
		return a.body, nil
	}
	doc, err := s.Info(ctx, r, o)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(doc)
	if err == nil && len(body) <= maxInfoSize {
		s.infos.answers.Add(k, infoAnswer{body, changes})
	}
	return body, errs.Wrap("repo.InfoJSON", err)
}
