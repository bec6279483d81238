package site

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
)

// row is the name under which all settings lie, as one JSON object: they change together or not at all.
const row = "site"

// Service is the settings of one hub.
type Service struct {
	db   *db.DB
	memo *db.Memo[string, Settings]
}

// New makes the service.
func New(d *db.DB) *Service {
	const room = 4 << 10
	return &Service{db: d, memo: db.NewMemo[string](d, room, func(Settings) int64 { return 1 })}
}

// Get is the settings as they are now.
func (s *Service) Get(ctx context.Context) (Settings, error) {
	v, err := s.memo.Get(row, func() (Settings, error) { return read(ctx, s.db) })
	return v, errs.Wrap("site.Get", err)
}

// In is Get for the middle of a transaction, which must not wait for another connection.
func (s *Service) In(ctx context.Context, q db.Queryer) (Settings, error) {
	if q.Dialect() == db.SQLite {
		return s.Get(ctx)
	}
	v, err := read(ctx, q)
	return v, errs.Wrap("site.In", err)
}

// Set changes the settings within the caller's transaction and says so in the event log. change gets them as they are
// and writes into them what is to be different.
func (s *Service) Set(ctx context.Context, tx *db.Tx, change func(*Settings) error) (Settings, error) {
	before, err := read(ctx, tx)
	if err != nil {
		return Settings{}, errs.Wrap("site.Set", err)
	}
	after := before.clone()
	if err := change(&after); err != nil {
		return Settings{}, err
	}
	if err := after.Check(); err != nil {
		return Settings{}, err
	}
	old, text := before.text(), after.text()
	if bytes.Equal(old, text) {
		return after, nil
	}
	if _, err := tx.Exec(ctx, putSetting, row, string(text), tx.Now().UnixMicro()); err != nil {
		return Settings{}, errs.Wrap("site.Set", err)
	}
	err = event.Append(ctx, tx, event.Event{Kind: "site.settings", Data: map[string]any{"before": json.RawMessage(old), "after": json.RawMessage(text)}})
	return after, errs.Wrap("site.Set", err)
}

// Update is Set in a transaction of its own.
func (s *Service) Update(ctx context.Context, change func(*Settings) error) (v Settings, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err = s.Set(ctx, tx, change)
		return err
	})
	return v, errs.Wrap("site.Update", err)
}

func read(ctx context.Context, q db.Queryer) (Settings, error) {
	v, text := Default(), ""
	err := q.Get(ctx, &text, getSetting, row)
	if db.IsNoRows(err) {
		return v, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &v) // what an older version did not know keeps its default
	}
	return v, err
}

func (s Settings) text() []byte {
	b, _ := json.Marshal(s) // strings, numbers and booleans
	return b
}

// clone shares nothing, so that change cannot reach what others hold.
func (s Settings) clone() Settings {
	c := func(p *int64) *int64 {
		if p == nil {
			return nil
		}
		v := *p
		return &v
	}
	s.UserQuota = Quota{c(s.UserQuota.Private), c(s.UserQuota.Public)}
	s.OrgQuota = Quota{c(s.OrgQuota.Private), c(s.OrgQuota.Public)}
	s.RepoQuota = c(s.RepoQuota)
	return s
}
