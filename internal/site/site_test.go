package site_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/site"
)

func TestSettings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s, other := t.Context(), site.New(d), site.New(d)
		get := func(s *site.Service) site.Settings {
			v, err := s.Get(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if v := get(s); v != site.Default() || v.Registration != site.Invite || v.UserQuota.Private != nil {
			t.Fatalf("a fresh hub: %+v", v)
		}
		patch := func(body string) error {
			_, err := s.Update(ctx, func(v *site.Settings) error { return json.Unmarshal([]byte(body), v) })
			return err
		}
		if err := patch(`{"registration":"open","userQuota":{"private":5000}}`); err != nil {
			t.Fatal(err)
		}
		if v := get(other); v.Registration != site.Open || v.UserQuota.Private == nil || *v.UserQuota.Private != 5000 || v.UserQuota.Public != nil || !v.CreateOrgs {
			t.Errorf("after a change: %+v", v)
		}
		for _, bad := range []string{`{"registration":"maybe"}`, `{"registration":""}`, `{"repoQuota":-1}`, `{"orgQuota":{"public":9223372036854775807}}`} {
			if err := patch(bad); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			_, err := s.Set(ctx, tx, func(v *site.Settings) error { v.Registration = site.Closed; return nil })
			return errors.Join(err, errors.New("rolled back"))
		}); err == nil {
			t.Fatal("committed")
		}
		if v := get(s); v.Registration != site.Open {
			t.Errorf("a change outlived its transaction: %+v", v)
		}
		if err := patch(`{"userQuota":{"private":null}}`); err != nil || get(s).UserQuota.Private != nil {
			t.Errorf("a quota cannot be taken back: %v %+v", err, get(s))
		}
		if err := patch(`{}`); err != nil {
			t.Error(err)
		}
		if d.Dialect() == db.Postgres {
			return // events of the last seconds are not read there
		}
		events, err := event.After(ctx, d, 0, 10)
		if err != nil || len(events) != 2 || events[0].Kind != "site.settings" {
			t.Errorf("one event for each change: %+v, %v", events, err)
		}
	})
}
