package event_test

import (
	"context"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/event"
)

// A token proves its own user and nobody else: who acts for another, as a login does, has none.
func TestWhatAnEventDoesNotSayComesFromItsOrigin(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	ctx := event.WithOrigin(context.Background(), &event.Origin{ActorID: "a", ActorName: "alice", TokenID: "t", Addr: "::1", UserAgent: "git\x00/2"})
	for _, e := range []event.Event{{Kind: "own"}, {Kind: "named", ActorID: "a"}, {Kind: "another", ActorID: "b", ActorName: "bob"}} {
		if err := d.Tx(ctx, func(tx *db.Tx) error { return event.Append(ctx, tx, e) }); err != nil {
			t.Fatal(err)
		}
	}
	got, err := event.After(ctx, d, 0, 10)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	want := []event.Event{{ActorID: "a", ActorName: "alice", TokenID: "t"}, {ActorID: "a", ActorName: "alice", TokenID: "t"}, {ActorID: "b", ActorName: "bob"}}
	for i, w := range want {
		g := got[i]
		if g.ActorID != w.ActorID || g.ActorName != w.ActorName || g.TokenID != w.TokenID || g.Addr != "::1" || g.UserAgent != "git/2" {
			t.Errorf("%s: %+v", g.Kind, g)
		}
	}
}
