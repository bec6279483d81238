package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/event"
)

func TestEventsLiveAndDieWithTheirTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		past := time.Now().Add(-time.Minute)
		add := func(kind string, fail error) {
			_ = d.Tx(ctx, func(tx *db.Tx) error {
				e := event.Event{RepoID: "r", Kind: kind, ActorID: "a", Data: map[string]any{"n": 1}, At: past}
				return errors.Join(event.Append(ctx, tx, e), fail)
			})
		}
		add("repo.create", nil)
		add("repo.lost", errors.New("rolled back"))
		add("repo.commit", nil)

		got, err := event.After(ctx, d, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0].Kind != "repo.create" || got[1].Kind != "repo.commit" {
			t.Fatalf("events: %+v", got)
		}
		if string(got[0].Data.(json.RawMessage)) != `{"n":1}` || got[0].At.UnixMicro() != past.UnixMicro() {
			t.Errorf("event: %+v", got[0])
		}
		rest, err := event.After(ctx, d, got[0].ID, 1)
		if err != nil || len(rest) != 1 || rest[0].ID != got[1].ID {
			t.Errorf("after the first: %+v, %v", rest, err)
		}
	})
}
