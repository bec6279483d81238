package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
)

// Rebuilt says what became of a database that was made again, and what may be lost.
type Rebuilt struct {
	Manifest *Manifest    // of the catalogue that it was made from
	Broken   []error      // newer catalogues that could not be used, and why
	Newest   time.Time    // when the newest object of the store was written
	Missing  *Report      // objects that rows name and that are not there, but those that were given up as lost
	Found    []FoundKind  // objects that no row names
	Packs    []FoundPacks // of them those of git, by repository: no ref leads to what is only in them
	Adopted  int64        // xorbs that have rows again
	HoldID   string       // of the hold that keeps all of it from being deleted
}

// FoundKind is how much of one kind of object there is that no row names.
type FoundKind struct {
	Kind  string
	Count int64
	Bytes int64
}

// FoundPacks is the same of git's packs and catalogs of one repository, by its id.
type FoundPacks struct {
	RepoID string
	Count  int64
	Bytes  int64
}

// Rebuild fills an empty database from the newest whole catalogue beside the hub's objects, or from the one that is named,
// and says what else the store holds. It guesses nothing: where a branch pointed after the catalogue was written is in the
// database alone, so what was committed then stays as objects that nothing leads to.
//
// A hold comes into the database with the rows, in one transaction: at no moment is there a hub whose collectors would take
// what was stored after the catalogue for left over. One that was killed after that is taken up again where it was.
func Rebuild(ctx context.Context, h Hub, id string) (*Rebuilt, error) {
	begun, err := rebuilding(ctx, h.DB)
	if err != nil {
		return nil, err
	}
	r := &Rebuilt{}
	if begun != "" {
		id = begun
	}
	if err := r.choose(ctx, h, id); err != nil {
		return nil, err
	}
	if begun == "" {
		if err := r.load(ctx, h); err != nil {
			return nil, err
		}
	}
	if err := h.DB.Migrate(ctx); err != nil {
		return nil, err
	}
	if err := r.look(ctx, h); err != nil {
		return nil, err
	}
	return r, r.end(ctx, h.DB)
}

// Kinds of holds: of a rebuild that is not done, whose reason ends with the catalogue's id, and of one that is.
const (
	holdRebuilding = "rebuilding"
	holdRebuilt    = "rebuild"
)

// rebuilding is the catalogue of a rebuild that was begun in a database and is not done; empty: there is none.
func rebuilding(ctx context.Context, d *db.DB) (id string, err error) {
	tables, err := db.Tables(ctx, d)
	if err != nil || !slices.ContainsFunc(tables, func(t db.Table) bool { return t.Name == "hold" }) {
		return "", err
	}
	holds, err := hold.List(ctx, d)
	for _, held := range holds { // the last one: a catalogue may have brought older ones along
		if words := strings.Fields(held.Reason); held.Kind == holdRebuilding && len(words) > 0 {
			id = words[len(words)-1]
		}
	}
	return id, err
}

// load fills an empty database.
func (r *Rebuilt) load(ctx context.Context, h Hub) error {
	if err := prepareEmpty(ctx, h.DB, r.Manifest.Schema); err != nil {
		return err
	}
	return loadRows(ctx, h.Blobs, r.Manifest, h.DB, func(l *db.Loader) error {
		return hold.Load(ctx, l, hold.Hold{Kind: holdRebuilding, Reason: "'cairn rebuild' is not done, run it again; it began with the catalogue " + r.Manifest.ID})
	})
}

// end has one hold take the place of those that say that it is not done, until somebody has looked at what was found.
func (r *Rebuilt) end(ctx context.Context, d *db.DB) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		holds, err := hold.List(ctx, tx)
		if err != nil {
			return err
		}
		for _, held := range holds {
			if held.Kind == holdRebuilding {
				if err := hold.Remove(ctx, tx, held.ID); err != nil {
					return err
				}
			}
		}
		r.HoldID, err = hold.Add(ctx, tx, hold.Hold{Kind: holdRebuilt, Reason: "the database was made again from a catalogue of " + r.Manifest.Created.UTC().Format(time.DateTime) + " UTC"})
		return err
	})
}

// choose takes the newest catalogue whose rows are all there.
func (r *Rebuilt) choose(ctx context.Context, h Hub, id string) error {
	found, err := list(ctx, h.Blobs)
	if err != nil {
		return err
	}
	for i := len(found) - 1; i >= 0; i-- {
		e := found[i]
		if id != "" && e.ID != id || errs.Is(e.Err, errs.NotFound) {
			continue
		}
		err := e.Err
		if err == nil {
			err = checkRows(ctx, h.Blobs, e.Manifest)
		}
		switch {
		case err == nil:
			r.Manifest = e.Manifest
			return nil
		case !isVerdict(err):
			return err
		}
		r.Broken = append(r.Broken, fmt.Errorf("%s: %w", e.ID, err))
	}
	if len(r.Broken) > 0 {
		return fmt.Errorf("none of the catalogues in the store is whole: %w", r.Broken[0])
	}
	return errs.New(errs.NotFound, "There is no catalogue in the store. The hub writes one beside its objects each catalogue-every; restore a backup instead")
}

// look compares the rows with the store.
func (r *Rebuilt) look(ctx context.Context, h Hub) error {
	kinds, packs := map[string]*FoundKind{}, map[string]*FoundPacks{}
	var orphans []string
	adopt := func(least int) error {
		for len(orphans) >= max(least, 1) {
			n := min(len(orphans), adoptAtOnce)
			k, err := kindOf(h.Kinds, orphans[0])
			if err != nil {
				return err
			}
			done, err := k.Adopt(ctx, h.DB, h.Blobs, orphans[:n])
			if err != nil {
				return err
			}
			r.Adopted += done
			orphans = orphans[n:]
		}
		return nil
	}
	err := r.compare(ctx, h, func(o blob.Info) error {
		kind, err := kindOf(h.Kinds, o.Key)
		if err != nil {
			return nil //nolint:nilerr // catalogues, probes: not what rows name
		}
		k := kinds[kind.Name]
		if k == nil {
			k = &FoundKind{Kind: kind.Name}
			kinds[kind.Name] = k
		}
		k.Count, k.Bytes = k.Count+1, k.Bytes+o.Size
		if kind.Repo != nil {
			id := kind.Repo(o.Key)
			if packs[id] == nil {
				packs[id] = &FoundPacks{RepoID: id}
			}
			packs[id].Count, packs[id].Bytes = packs[id].Count+1, packs[id].Bytes+o.Size
		}
		if kind.Adopt != nil {
			orphans = append(orphans, o.Key)
			return adopt(adoptAtOnce)
		}
		return nil
	})
	if err == nil {
		err = adopt(1)
	}
	for _, kind := range h.Kinds {
		if k := kinds[kind.Name]; k != nil {
			r.Found = append(r.Found, *k)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(packs)) {
		r.Packs = append(r.Packs, *packs[id])
	}
	return err
}

// adoptAtOnce is how many orphans one transaction takes.
const adoptAtOnce = 100

// compare goes through what rows name and what is there, side by side.
func (r *Rebuilt) compare(ctx context.Context, h Hub, unnamed func(blob.Info) error) error {
	keys := newKeySorter(h.TempDir)
	defer keys.close()
	if err := h.DB.Snapshot(ctx, func(q *db.Snapshot) error { return gatherObjects(ctx, q, h.Kinds, keys) }); err != nil {
		return err
	}
	next, err := keys.sorted()
	if err != nil {
		return err
	}
	r.Missing = &Report{}
	found := &damageList{}
	needed, more, err := next(ctx)
	if err != nil {
		return err
	}
	miss := func(until string) error {
		for more && (until == "" || needed.key < until) {
			r.Missing.Objects++
			d := Damage{Key: needed.key, State: blob.Absent}
			lost, err := h.missed(ctx, &d, len(found.list) < reposAskedFor)
			if err != nil {
				return err
			}
			if !lost {
				found.add(d)
			}
			if needed, more, err = next(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	err = eachObject(ctx, h.Blobs, "", func(o blob.Info) error {
		if !strings.HasPrefix(o.Key, catalogueDir) && o.ModTime.After(r.Newest) {
			r.Newest = o.ModTime
		}
		if err := miss(o.Key); err != nil {
			return err
		}
		if !more || needed.key != o.Key {
			return unnamed(o)
		}
		r.Missing.Objects++
		if needed.size > o.Size {
			found.add(Damage{Key: o.Key, State: blob.Short})
		}
		needed, more, err = next(ctx)
		return err
	})
	if err == nil {
		err = miss("")
	}
	r.Missing.Found, r.Missing.More = found.list, found.more
	return err
}

// missed says who needs an object that is not there, if asked, and whether it was given up as lost.
func (h *Hub) missed(ctx context.Context, d *Damage, name bool) (lost bool, err error) {
	kind, err := kindOf(h.Kinds, d.Key)
	if err != nil {
		return false, nil //nolint:nilerr // a newer version's: it is missing all the same
	}
	if kind.Lost != nil {
		if lost, err = kind.Lost(ctx, h.DB, d.Key); lost || err != nil {
			return lost, err
		}
	}
	if !name || kind.Repos == nil {
		return false, nil
	}
	if d.Repos, err = kind.Repos(ctx, h.DB, d.Key, reposNamed); err == nil && h.RepoNames != nil {
		d.Repos = h.RepoNames(ctx, h.DB, d.Repos)
	}
	return false, err
}

// reposAskedFor bounds the statements that name who needs what is missing.
const reposAskedFor = 1000
