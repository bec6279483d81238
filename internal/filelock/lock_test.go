package filelock

import (
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hub"
)

// givenUpOnce has PostgreSQL give up the first transaction that asks for a lock, at its commit, and end what locks there
// are before the second.
var givenUpOnce = []string{
	`CREATE SEQUENCE tries`,
	`CREATE TABLE tried (n BIGINT)`,
	`CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.n = 1 THEN RAISE EXCEPTION 'given up' USING ERRCODE = '40001'; END IF;
			RETURN NULL;
		END $$`,
	`CREATE CONSTRAINT TRIGGER give_up AFTER INSERT ON tried DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION give_up()`,
	`CREATE FUNCTION count_try() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE try BIGINT := nextval('tries');
		BEGIN
			INSERT INTO tried VALUES (try);
			IF try = 2 THEN DELETE FROM lfs_lock; END IF;
			RETURN NEW;
		END $$`,
	`CREATE TRIGGER count_try BEFORE INSERT ON lfs_lock FOR EACH ROW EXECUTE FUNCTION count_try()`,
}

// An attempt that found the path held, was given up, and found it free the second time locked it in the holder's name.
func TestALockTakenInTheSecondAttemptIsTheActors(t *testing.T) {
	d := dbtest.New(t, db.Postgres) // SQLite gives up no transaction
	s := New(d)
	bobs, err := s.Create(t.Context(), hub.Actor{UserID: "bob"}, hub.RepoRow{ID: "repo"}, "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range givenUpOnce {
		if err := d.Tx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Create(t.Context(), hub.Actor{UserID: "alice"}, hub.RepoRow{ID: "repo"}, "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.ByPath(t.Context(), "repo", "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	if got.UserID != "alice" || got.ID == bobs.ID || *kept != *got {
		t.Errorf("alice got %+v, there is %+v; bob had %+v", got, kept, bobs)
	}
}
