// Package db opens Cairn's database and runs statements and transactions on it. SQL is written once, with ? for
// parameters, and runs on SQLite (one file, one machine) and on PostgreSQL (many nodes).
//
// It knows connections, dialects, errors and migrations. It must not know any table: the statements belong to the
// domain packages' store.go.
//
// # Rules for statements
//
//   - Reads go through *DB and see committed rows only; everything that writes, including INSERT … RETURNING, runs in a
//     Tx. A write through DB.Get or DB.Select is refused by SQLite.
//   - A statement that fails dooms its transaction, on both engines: later statements return the same error and the
//     transaction rolls back, whatever the function returns. Use ON CONFLICT where a clash is expected. A missing row
//     (IsNoRows) is no failure.
//   - Transactions are serializable on both engines. On PostgreSQL one may run several times, so the function must have
//     no side effect but its statements and assignments that start over; the rest goes into AfterCommit.
//   - A transaction must not open another one, and must not wait for the network.
//   - Structs are scanned by the `db:"column"` tag, else by the lower-cased field name.
package db
