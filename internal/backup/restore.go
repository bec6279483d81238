package backup

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Restore makes a hub of a copy: objects first, then all rows in one transaction, then the migrations that are newer than
// the copy. The database must be empty. A copy that is torn is refused before anything is written; an object that turns
// out to be damaged on its way ends the restore before any row is written. It may be run again after it was killed.
func Restore(ctx context.Context, h Hub, from blob.Store, m *Manifest, progress func(Progress)) (Progress, error) {
	if err := refuseTarget(ctx, h.DB, m.Schema); err != nil {
		return Progress{}, err
	}
	report, err := Verify(ctx, from, m, h.Kinds, false)
	if err == nil && !report.Clean() {
		err = tornCopy(m, report.Found, report.More)
	}
	if err != nil {
		return Progress{}, err
	}
	var stats Progress
	if m.Copied {
		if stats, err = h.bringObjects(ctx, from, m, progress); err != nil {
			return stats, err
		}
	}
	if err := prepareEmpty(ctx, h.DB, m.Schema); err != nil {
		return stats, err
	}
	if err := loadRows(ctx, from, m, h.DB, nil); err != nil {
		return stats, err
	}
	return stats, h.DB.Migrate(ctx)
}

func tornCopy(m *Manifest, found []Damage, more int64) error {
	return &TornError{ID: m.ID, Found: found, More: more}
}

// TornError says that a copy is not whole.
type TornError struct {
	ID    string
	Found []Damage
	More  int64
}

func (e *TornError) Error() string {
	var what []string
	for _, d := range e.Found[:min(len(e.Found), 5)] {
		what = append(what, fmt.Sprintf("%s is %s", d.Key, d.State))
	}
	if n := int64(len(e.Found)-len(what)) + e.More; n > 0 {
		what = append(what, fmt.Sprintf("%d more", n))
	}
	return fmt.Sprintf("the backup %s is not whole, and nothing was restored from it: %s; take another one ('cairn backup list' shows them)", e.ID, strings.Join(what, ", "))
}

// Is makes it damage.
func (e *TornError) Is(target error) bool { return target == blob.ErrDamaged }

// bringObjects copies all objects of a copy to where the hub will look for them. What lies there already is read first: it may
// be the very damage that the restore is to undo.
func (h *Hub) bringObjects(ctx context.Context, from blob.Store, m *Manifest, progress func(Progress)) (Progress, error) {
	next, end, err := readList(ctx, from, m)
	if err != nil {
		return Progress{}, err
	}
	defer end()
	found := &damageList{}
	c := &copier{kinds: h.Kinds, from: from, fromDir: objectDir, to: h.Blobs, checkAll: true, progress: progress,
		damaged: func(key string, err error) error {
			found.add(Damage{Key: objectDir + key, State: stateOf(err)})
			return nil
		}}
	err = c.run(ctx, next)
	if err == nil && len(found.list) > 0 {
		err = tornCopy(m, found.list, found.more)
	}
	return c.stats, err
}

// prepareEmpty migrates an empty database to the schema of a copy.
func prepareEmpty(ctx context.Context, d *db.DB, schema int64) error {
	if err := refuseTarget(ctx, d, schema); err != nil {
		return err
	}
	return d.MigrateTo(ctx, schema)
}

// refuseTarget says why the rows of a copy cannot go into a database: anything is in it, or the schemas do not fit.
func refuseTarget(ctx context.Context, d *db.DB, schema int64) error {
	newest, err := d.NewestSchema()
	if err != nil {
		return err
	}
	if schema > newest {
		return errs.New(errs.Invalid, "The backup's schema is version %d, and this version of cairn knows versions up to %d: use the newer cairn that wrote it", schema, newest)
	}
	have, err := d.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if have > schema {
		return errs.New(errs.Conflict, "The database was migrated to version %d of the schema, and the backup is of version %d: restore into an empty database, which is brought to that version first", have, schema)
	}
	return refuseFilled(ctx, d)
}

func refuseFilled(ctx context.Context, d *db.DB) error {
	tables, err := db.Tables(ctx, d)
	if err != nil {
		return err
	}
	first, err := db.FirstFilled(ctx, d, tables)
	if err == nil && first != "" {
		err = errs.New(errs.Conflict, "The database is not empty: the table %s has rows. A restore goes into an empty database only: name another one with --database-url, or another folder with --data", first)
	}
	return err
}
