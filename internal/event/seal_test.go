package event_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/event"
)

func exec(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := d.Tx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), s); return err }); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func fill(t *testing.T, d *db.DB, n int) {
	t.Helper()
	ctx, past := t.Context(), time.Now().Add(-time.Minute)
	err := d.Tx(ctx, func(tx *db.Tx) error {
		for i := range n {
			e := event.Event{Kind: "repo.create", OwnerID: "o", RepoID: "r", ActorID: "a", Data: map[string]any{"n": i}, At: past.Add(time.Duration(i))}
			if err := event.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, d *db.DB, want event.Head) event.Verified {
	t.Helper()
	v, err := event.Verify(t.Context(), d, want)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Whoever changes the log by hand is found out, and where.
func TestWhatWasDoneToTheLogByHandIsFound(t *testing.T) {
	attacks := []struct {
		name, statement, what string
		id                    int64
	}{
		{"changed data", `UPDATE event SET data = '{"n":9}' WHERE id = 7`, "was changed", 7},
		{"another actor", `UPDATE event SET actor_id = 'b' WHERE id = 3`, "was changed", 3},
		{"moved between fields", `UPDATE event SET actor_id = 'ao', owner_id = '' WHERE id = 4`, "was changed", 4},
		{"removed", `DELETE FROM event WHERE id = 5`, "was removed", 5},
		{"removed with its seal", `DELETE FROM event_seal WHERE seq = 6`, "was removed", 7},
		{"sealed anew", `UPDATE event_seal SET hash = (SELECT hash FROM event_seal WHERE seq = 1) WHERE seq = 8`, "was changed", 8},
		{"cut off", `DELETE FROM event_seal WHERE seq > 10`, "cut off", 0},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		fill(t, d, 12)
		head, err := event.Seal(t.Context(), d)
		if err != nil || head.Seq != 12 {
			t.Fatalf("sealed to %s, %v", head, err)
		}
		if v := verify(t, d, head); v.Broken != nil || v.Waiting != 0 || v.Head.String() != head.String() {
			t.Fatalf("an untouched log: %+v", v)
		}
		exec(t, d, `CREATE TABLE event_kept AS SELECT * FROM event`, `CREATE TABLE seal_kept AS SELECT * FROM event_seal`)
		columns := "id, repo_id, kind, actor_id, data, created_at, owner_id, actor_name, token_id, addr, user_agent"
		overriding := ""
		if d.Dialect() == db.Postgres {
			overriding = "OVERRIDING SYSTEM VALUE"
		}
		for _, a := range attacks {
			exec(t, d, a.statement)
			v := verify(t, d, head)
			if v.Broken == nil || v.Broken.EventID != a.id || !strings.Contains(v.Broken.What, a.what) {
				t.Errorf("%s: %+v", a.name, v.Broken)
			}
			exec(t, d, `DELETE FROM event`, `DELETE FROM event_seal`, `INSERT INTO event_seal SELECT * FROM seal_kept`,
				fmt.Sprintf(`INSERT INTO event (%s) %s SELECT %s FROM event_kept`, columns, overriding, columns))
		}
		if v := verify(t, d, head); v.Broken != nil {
			t.Errorf("the log as it was: %+v", v.Broken)
		}
	})
}

// A transaction that commits behind one with a higher id is sealed behind it, and nothing is broken.
func TestALateEventIsSealedBehindThoseThatCameFirst(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		overriding := ""
		if d.Dialect() == db.Postgres {
			overriding = "OVERRIDING SYSTEM VALUE"
		}
		fill(t, d, 2)
		exec(t, d, `INSERT INTO event (id, kind, created_at) `+overriding+` VALUES (10, 'early', 1)`)
		first, err := event.Seal(t.Context(), d)
		if err != nil || first.Seq != 3 {
			t.Fatalf("sealed to %s, %v", first, err)
		}
		exec(t, d, `INSERT INTO event (id, kind, created_at) `+overriding+` VALUES (5, 'late', 1)`)
		if v := verify(t, d, first); v.Broken != nil || v.Waiting != 1 {
			t.Fatalf("before its seal: %+v", v)
		}
		if head, err := event.Seal(t.Context(), d); err != nil || head.Seq != 4 {
			t.Fatalf("sealed to %s, %v", head, err)
		}
		if v := verify(t, d, first); v.Broken != nil || v.Waiting != 0 || v.Head.Seq != 4 {
			t.Errorf("after it: %+v", v)
		}
	})
}

func TestAForgedEventFarBackIsFound(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	fill(t, d, 2)
	exec(t, d, `UPDATE event SET id = 50000 WHERE id = 2`)
	head, err := event.Seal(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, d, `INSERT INTO event (id, kind, created_at) VALUES (17, 'repo.delete', 1)`)
	if _, err := event.Seal(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, d, head); v.Broken == nil || v.Broken.EventID != 17 {
		t.Errorf("%+v", v)
	}
}

func TestListPicksAndPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := event.WithOrigin(context.Background(), &event.Origin{ActorID: "a", ActorName: "Alice", Addr: "192.0.2.1"})
		start := time.Now().Add(-time.Hour)
		for i := range 6 {
			err := d.Tx(ctx, func(tx *db.Tx) error {
				e := event.Event{Kind: []string{"x.a", "x.b", "x.c"}[i%3], OwnerID: []string{"o", "p"}[i%2], RepoID: "r", At: start.Add(time.Duration(i) * time.Minute)}
				return event.Append(ctx, tx, e)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name string
			f    event.Filter
			want string
		}{
			{"all", event.Filter{}, "6 5 4 3 2 1"},
			{"owner", event.Filter{OwnerID: "o"}, "5 3 1"},
			{"kinds", event.Filter{Kinds: []string{"x.a", "x.b"}}, "5 4 2 1"},
			{"actor and place", event.Filter{ActorName: "alice", ActorID: "a", Addr: "192.0.2.1", RepoID: "r", OwnerID: "p"}, "6 4 2"},
			{"nobody", event.Filter{ActorName: "bob"}, ""},
			{"time", event.Filter{From: start.Add(time.Minute), Until: start.Add(3 * time.Minute)}, "3 2"},
		} {
			var got []string
			before := int64(0)
			for {
				page, err := event.List(ctx, d, c.f, before, 2)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page {
					got = append(got, fmt.Sprint(e.ID))
					before = e.ID
				}
				if len(page) < 2 {
					break
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	})
}
