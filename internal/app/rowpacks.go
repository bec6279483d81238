package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repair"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// rowPacks is a replica of the git packs that live in rows: as one backup, or one exported catalogue, has them. It is read
// when it is asked for the first pack: the packs are put into a file without a name in this node's cache.
type rowPacks struct {
	store blob.Store
	from  *backup.Manifest
	dir   string

	file *os.File
	end  int64
	at   map[hub.OID]span
}

// span is where in the file a pack lies.
type span struct{ off, n int64 }

// cataloguesTried is how many copies of a store are asked, the newest first: a rotten row was copied as it was.
const cataloguesTried = 5

// addRowPacks adds the catalogues that the hub has exported itself, and those of the replicas. ends frees what they took.
func (a *App) addRowPacks(ctx context.Context, o *repair.Options) (ends func(), err error) {
	stores := []blob.Store{a.blobs}
	for _, r := range o.Replicas {
		stores = append(stores, r.(replica).Store)
	}
	var added []*rowPacks
	ends = func() {
		for _, r := range added {
			r.close()
		}
	}
	for _, s := range stores {
		list, err := backup.List(ctx, s)
		if err != nil {
			return ends, fmt.Errorf("look for backups: %w", err)
		}
		slices.Reverse(list)
		list = slices.DeleteFunc(list, func(e backup.Entry) bool { return e.Manifest == nil })
		for _, e := range list[:min(len(list), cataloguesTried)] {
			added = append(added, &rowPacks{store: s, from: e.Manifest, dir: a.cfg.CacheDir})
		}
	}
	for _, r := range added {
		o.Replicas = append(o.Replicas, r)
	}
	return ends, nil
}

func (r *rowPacks) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// Open is a pack by its [gitstore.RowPackKey]; of everything else there is nothing. A copy that is torn has none either.
func (r *rowPacks) Open(ctx context.Context, key string, _, _ int64) (io.ReadCloser, error) {
	hash, ok := strings.CutPrefix(key, gitstore.RowPackPrefix)
	if !ok {
		return nil, blob.NotFound(key)
	}
	id, err := hub.ParseOID(hash)
	if err != nil {
		return nil, err
	}
	if r.at == nil {
		if err := r.read(ctx); err != nil {
			return nil, err
		}
	}
	at, ok := r.at[id]
	if !ok {
		return nil, blob.NotFound(key)
	}
	return io.NopCloser(io.NewSectionReader(r.file, at.off, at.n)), nil
}

// Stat knows of nothing: packs in rows are only opened.
func (r *rowPacks) Stat(_ context.Context, key string) (blob.Info, error) {
	return blob.Info{}, blob.NotFound(key)
}

func (r *rowPacks) read(ctx context.Context) (err error) {
	if r.file, err = tempfile.New(r.dir); err != nil {
		return err
	}
	r.at = map[hub.OID]span{}
	return backup.EachRow(ctx, r.store, r.from, gitstore.PackTable, r.add)
}

// add keeps the pack of a row, if that has one.
func (r *rowPacks) add(t *db.Table, values []any) error {
	hash, pack := gitstore.PackOfRow(t, values)
	if len(pack) == 0 {
		return nil
	}
	id, err := hub.ParseOID(hash)
	if err != nil {
		return nil //nolint:nilerr // by such a name none is asked for
	}
	if _, err := r.file.WriteAt(pack, r.end); err != nil {
		return err
	}
	r.at[id] = span{r.end, int64(len(pack))}
	r.end += int64(len(pack))
	return nil
}
