package db_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
)

// A server that says nothing holds nobody for ever: reads, writes and a commit under way end as unavailable. The outcome of
// that commit is unknown, so it is not run again.
func TestSilentServer(t *testing.T) {
	w := dbtest.NewWire(t, dbtest.URL(t, db.Postgres))
	d := dbtest.Open(t, w.URL)
	hasty := dbtest.Open(t, w.URL+"&statement_timeout=1s") // a busy machine may take longer: nothing has to succeed here
	thing(t, d)
	w.Swallow(true)
	var n int64
	if err := hasty.Get(ctx, &n, "SELECT COUNT(*) FROM thing"); !errs.Is(err, errs.Unavailable) {
		t.Error(err)
	}
	if _, err := hasty.Exec(ctx, "INSERT INTO thing (name) VALUES ('a')"); !errs.Is(err, errs.Unavailable) {
		t.Error(err)
	}
	w.Swallow(false)
	if count(t, d) != 0 {
		t.Error("a write that was never sent is there")
	}
	runs := 0
	err := hasty.Tx(ctx, func(tx *db.Tx) error {
		runs++
		_, err := tx.Exec(ctx, "INSERT INTO thing (name) VALUES ('b')")
		w.Swallow(true) // the commit goes out and nothing comes back
		return err
	})
	w.Swallow(false)
	if !errs.Is(err, errs.Unavailable) || runs != 1 {
		t.Error(err, runs)
	}
	exec(t, d, "INSERT INTO thing (name) VALUES ('c')")
}

// A lost connection ends a transaction that was not yet being committed, and it is run again; one that was is not.
func TestLostConnection(t *testing.T) {
	w := dbtest.NewWire(t, dbtest.URL(t, db.Postgres))
	d := dbtest.Open(t, w.URL)
	thing(t, d)
	runs := 0
	err := d.Tx(ctx, func(tx *db.Tx) error {
		if runs++; runs == 1 {
			w.Cut()
		}
		_, err := tx.Exec(ctx, "INSERT INTO thing (name) VALUES ('a')")
		return err
	})
	if err != nil || runs != 2 || count(t, d) != 1 {
		t.Error(err, runs, count(t, d))
	}
}

// After a failover the old connections lead to a server that takes no writes. They are given up, so that new ones find the
// server that does.
func TestReadOnlyServer(t *testing.T) {
	address := dbtest.URL(t, db.Postgres)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	d := dbtest.Open(t, address)
	thing(t, d)
	dbtest.Exec(t, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	dbtest.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	write := func() error { _, err := d.Exec(ctx, "INSERT INTO thing (name) VALUES ('a')"); return err }
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) { // until a connection is a new one
		err := write()
		if err != nil && !errs.Is(err, errs.Unavailable) {
			t.Fatal(err)
		}
		if err != nil && strings.Contains(err.Error(), "25006") {
			break
		}
		if err == nil || time.Now().After(end) {
			t.Fatal("the database is not read-only", err)
		}
	}
	if count(t, d) != 0 {
		t.Error("reads do not work")
	}
	dbtest.Exec(t, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	done, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for err = write(); err != nil; err = write() {
		if done.Err() != nil {
			t.Fatal("writes do not come back: ", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
