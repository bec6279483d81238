package db

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Class is what a column holds, whichever engine declares it.
type Class string

// The classes, and what a value of each is in Go.
const (
	Int  Class = "int"  // int64
	Text Class = "text" // string
	Blob Class = "blob" // []byte
	Bool Class = "bool" // bool
	Real Class = "real" // float64
)

// classes are the types that migrations declare, as SQLite and as PostgreSQL call them.
var classes = map[string]Class{
	"BIGINT": Int, "INTEGER": Int, "TEXT": Text, "BLOB": Blob, "BYTEA": Blob, "BOOLEAN": Bool, "DOUBLE PRECISION": Real,
}

// Table is a table as the database has it.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

// Column is one column of a table.
type Column struct {
	Name  string `json:"name"`
	Class Class  `json:"class"`
}

// Each engine has its own catalogue.
const (
	sqliteColumns = `SELECT m.name AS owner, c.name AS name, c.type AS type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY m.name, c.cid`
	postgresColumns = `SELECT c.table_name AS owner, c.column_name AS name, c.data_type AS type FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
		WHERE c.table_schema = current_schema() ORDER BY c.table_name COLLATE "C", c.ordinal_position`

	sqliteNeeds = `SELECT m.name AS owner, f."table" AS name, '' AS type FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' ORDER BY m.name, name`
	postgresNeeds = `SELECT o.relname AS owner, n.relname AS name, '' AS type FROM pg_constraint k
		JOIN pg_class o ON o.oid = k.conrelid JOIN pg_class n ON n.oid = k.confrelid
		WHERE k.contype = 'f' AND k.connamespace = current_schema()::regnamespace ORDER BY o.relname, n.relname`

	sqliteCounters   = `SELECT name, seq FROM sqlite_sequence ORDER BY name`
	postgresCounters = `SELECT c.table_name AS name,
		COALESCE(pg_sequence_last_value(pg_get_serial_sequence(quote_ident(c.table_name), c.column_name)::regclass), 0) AS seq
		FROM information_schema.columns c WHERE c.table_schema = current_schema() AND c.is_identity = 'YES' ORDER BY c.table_name`
)

type schemaRow struct{ Owner, Name, Type string }

func of(q Queryer, sqlite, postgres string) string {
	if q.Dialect() == Postgres {
		return postgres
	}
	return sqlite
}

// Tables are all tables of the schema but the migrations' own, each after those that its foreign keys name. A column of a
// type that has no Class is an error.
func Tables(ctx context.Context, q Queryer) ([]Table, error) {
	var columns, needs []schemaRow
	if err := q.Select(ctx, &columns, of(q, sqliteColumns, postgresColumns)); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if err := q.Select(ctx, &needs, of(q, sqliteNeeds, postgresNeeds)); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	var tables []Table
	for _, c := range columns {
		if c.Owner == "goose_db_version" {
			continue
		}
		class, ok := classes[strings.ToUpper(c.Type)]
		if !ok {
			return nil, fmt.Errorf("column %s.%s has the type %q, which is not known to be the same on both engines", c.Owner, c.Name, c.Type)
		}
		if n := len(tables); n == 0 || tables[n-1].Name != c.Owner {
			tables = append(tables, Table{Name: c.Owner})
		}
		t := &tables[len(tables)-1]
		t.Columns = append(t.Columns, Column{c.Name, class})
	}
	return sortByNeeds(tables, needs)
}

// sortByNeeds puts each table behind those that it needs.
func sortByNeeds(tables []Table, needs []schemaRow) (sorted []Table, err error) {
	done := map[string]bool{}
	ready := func(t Table) bool {
		return !slices.ContainsFunc(needs, func(n schemaRow) bool { return n.Owner == t.Name && n.Name != t.Name && !done[n.Name] })
	}
	for len(sorted) < len(tables) {
		before := len(sorted)
		for _, t := range tables {
			if !done[t.Name] && ready(t) {
				sorted, done[t.Name] = append(sorted, t), true
			}
		}
		if len(sorted) == before {
			return nil, fmt.Errorf("the foreign keys of %d tables form a circle", len(tables)-before)
		}
	}
	return sorted, nil
}

// Counter is the last number that a table gave to a row by itself.
type Counter struct {
	Table string `db:"name" json:"table"`
	Last  int64  `db:"seq" json:"last"`
}

// Counters are those of all tables that number their rows; on SQLite, that have numbered one. Numbers are never given
// again, so a copy has to go on from here and not from its largest row.
func Counters(ctx context.Context, q Queryer) (list []Counter, err error) {
	if err := q.Select(ctx, &list, of(q, sqliteCounters, postgresCounters)); err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	return list, nil
}

const postgresOthers = `SELECT COUNT(*) FROM pg_stat_activity
	WHERE datname = current_database() AND application_name LIKE 'cairn %' AND application_name <> current_setting('application_name')`

// Others is how many connections other processes of cairn have to the database. On SQLite nobody can know: 0.
func Others(ctx context.Context, q Queryer) (n int64, err error) {
	if q.Dialect() == Postgres {
		err = q.Get(ctx, &n, postgresOthers)
	}
	return n, err
}

// fragExists asks whether a table, whose name is from the schema, has a row.
const fragExists = "SELECT EXISTS (SELECT 1 FROM "

// FirstFilled is the name of a table that has a row, empty when none of them has.
func FirstFilled(ctx context.Context, q Queryer, tables []Table) (string, error) {
	for _, t := range tables {
		var filled bool
		if err := q.Get(ctx, &filled, fragExists+quote(t.Name)+")"); err != nil {
			return "", err
		}
		if filled {
			return t.Name, nil
		}
	}
	return "", nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// fragAllOf reads whole rows.
const fragAllOf = "SELECT "

// SelectAll is the statement that reads all rows of a table, in its columns' order.
func (t Table) SelectAll() string { return fragAllOf + t.columnList() + " FROM " + quote(t.Name) }

func (t Table) columnList() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}

// NewestSchema is the version up to which this binary can migrate.
func (d *DB) NewestSchema() (int64, error) {
	files, err := fs.Sub(migrations, "migration/"+string(d.dialect))
	if err != nil {
		return 0, err
	}
	return newestMigration(files)
}

// MigrateTo brings an empty database to an older version of the schema, for rows of that version. Migrate does the rest.
func (d *DB) MigrateTo(ctx context.Context, version int64) error {
	files, err := fs.Sub(migrations, "migration/"+string(d.dialect))
	if err != nil {
		return err
	}
	if err := d.engine.migrate(ctx, files, version); err != nil {
		return fmt.Errorf("migrate the database to version %d: %w", version, err)
	}
	return nil
}
