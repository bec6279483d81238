package db_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

func TestMigrateTwiceAndNewerRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		before, err := d.SchemaVersion(ctx)
		if err != nil || before < 1 {
			t.Fatal(before, err)
		}
		if err := d.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		exec(t, d, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		err = d.Migrate(ctx)
		if err == nil || !strings.Contains(err.Error(), "version 9999") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("newer schema: %v", err)
		}
	})
}

func TestMigrateAtOnce(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "new folder?", "100%.db")
	migrateAtOnce(t, url)
	path := strings.TrimPrefix(url, "sqlite:")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	url = dbtest.URL(t, db.Postgres)
	exec(t, dbtest.Open(t, url), "DROP SCHEMA public CASCADE")
	exec(t, dbtest.Open(t, url), "CREATE SCHEMA public")
	migrateAtOnce(t, url)
}

// The index of a large table takes longer than any statement of a request may. A migration that gives up there gives up
// every time. Nothing bounds the time of a statement on SQLite.
func TestAMigrationMayTakeLongerThanAStatement(t *testing.T) {
	url := dbtest.URL(t, db.Postgres)
	d := dbtest.Open(t, url)
	for _, s := range []string{
		"DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "CREATE SCHEMA slow", "CREATE SEQUENCE slow.indexes",
		`CREATE FUNCTION slow.once() RETURNS event_trigger LANGUAGE plpgsql AS
			$$ BEGIN IF nextval('slow.indexes') = 1 THEN PERFORM pg_sleep(3); END IF; END $$`,
		"CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION slow.once()",
	} {
		exec(t, d, s)
	}
	if err := dbtest.Open(t, url+"&statement_timeout=2000").Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := d.Get(ctx, &n, "SELECT last_value FROM slow.indexes"); err != nil || n < 2 {
		t.Errorf("%d indexes were made, %v", n, err)
	}
}

func migrateAtOnce(t *testing.T, url string) {
	t.Helper()
	var wg sync.WaitGroup
	for range 4 {
		d := dbtest.Open(t, url)
		wg.Go(func() {
			if err := d.Migrate(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestChanges(t *testing.T) {
	url := dbtest.URL(t, db.SQLite)
	ours, theirs := dbtest.Open(t, url), dbtest.Open(t, url)
	thing(t, ours)
	settle(ours)
	was := ours.Changes()
	count(t, ours)
	if ours.Changes() != was {
		t.Error("moved without a commit")
	}
	exec(t, ours, "INSERT INTO thing (name) VALUES ('a')")
	if ours.Changes() == was {
		t.Error("own commit not seen")
	}
	settle(ours)
	was = ours.Changes()
	exec(t, theirs, "INSERT INTO thing (name) VALUES ('b')")
	settle(ours)
	if ours.Changes() == was {
		t.Error("commit of another process not seen")
	}
	pg := dbtest.New(t, db.Postgres)
	if first, second := pg.Changes(), pg.Changes(); first == second {
		t.Error("repeats")
	}
}

func settle(*db.DB) { time.Sleep(700 * time.Millisecond) }

func TestSQLiteReadsCannotWrite(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	thing(t, d)
	var name string
	if err := d.Get(ctx, &name, "INSERT INTO thing (name) VALUES ('a') RETURNING name"); err == nil {
		t.Fatal("wrote outside of a transaction")
	}
	err := d.Tx(ctx, func(tx *db.Tx) error {
		return tx.Get(ctx, &name, "INSERT INTO thing (name) VALUES ('a') RETURNING name")
	})
	if err != nil || name != "a" {
		t.Fatal(err, name)
	}
}

func TestPostgresBackendKilled(t *testing.T) {
	d := dbtest.New(t, db.Postgres)
	thing(t, d)
	exec(t, d, "INSERT INTO thing (name, n) VALUES ('counter', 0)")
	kill := func() {
		dbtest.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cairn %'")
	}
	kill()
	if count(t, d) != 1 {
		t.Fatal("lost")
	}
	for i := range 3 {
		tries := 0
		err := d.Tx(ctx, func(tx *db.Tx) error {
			if tries++; tries == 1 {
				kill()
			}
			_, err := tx.Exec(ctx, "UPDATE thing SET n = n + 1")
			return err
		})
		var n int
		if err != nil || tries != 2 {
			t.Fatal(err, tries)
		}
		if err := d.Get(ctx, &n, "SELECT n FROM thing"); err != nil || n != i+1 {
			t.Fatal(err, n)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "mysql://root:secret@host/x", "postgres://u:secret@127.0.0.1:1/x", "postgres://u:secret@127.0.0.1:1/x?pool_max_conns=0"} {
		d, err := db.Open(ctx, url)
		if err == nil {
			_ = d.Close()
			t.Errorf("%q opened", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("password shown: %v", err)
		}
	}
}
