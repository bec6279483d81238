package repo

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The tags that are in use change slowly and take a walk over all of them to collect.
const (
	tagsFor = 60 * time.Second
	maxTags = 20_000
)

// tagCache keeps the last answer per type.
type tagCache struct {
	mu     sync.Mutex
	byType map[hub.RepoType]tagAnswer
}

type tagAnswer struct {
	tags  map[string][]card.Tag
	until time.Time
}

// TagsByType are the tags of all public repositories of a type in their groups; only: of one group, if not empty. The
// answer may be a minute old.
func (s *Service) TagsByType(ctx context.Context, typ hub.RepoType, only string) (map[string][]card.Tag, error) {
	groups := card.TagTypes(typ)
	if only != "" && !slices.Contains(groups, only) {
		return nil, errs.New(errs.Invalid, `"type" must be one of [%s]`, strings.Join(groups, ", "))
	}
	all, err := s.allTags(ctx, typ)
	if err != nil || only == "" {
		return all, err
	}
	return map[string][]card.Tag{only: append([]card.Tag{}, all[only]...)}, nil
}

// allTags asks the database once at a time, however many wait.
func (s *Service) allTags(ctx context.Context, typ hub.RepoType) (map[string][]card.Tag, error) {
	s.tags.mu.Lock()
	defer s.tags.mu.Unlock()
	if a, ok := s.tags.byType[typ]; ok && s.now().Before(a.until) {
		return a.tags, nil
	}
	names, err := publicTags(ctx, s.db, typ, maxTags)
	if err != nil {
		return nil, errs.Wrap("repo.TagsByType", err)
	}
	tags := map[string][]card.Tag{}
	for _, group := range card.TagTypes(typ) {
		tags[group] = []card.Tag{}
	}
	for _, name := range names {
		t := card.Describe(name, typ)
		tags[t.Type] = append(tags[t.Type], t)
	}
	if s.tags.byType == nil {
		s.tags.byType = map[hub.RepoType]tagAnswer{}
	}
	s.tags.byType[typ] = tagAnswer{tags, s.now().Add(tagsFor)}
	return tags, nil
}
