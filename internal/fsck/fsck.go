package fsck

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Deps are what is looked at.
type Deps struct {
	DB       *db.DB
	Blobs    blob.Store
	Git      *gitstore.Store
	Xet      *xetstore.Store
	Repos    *repo.Service
	Quota    *quota.Service
	Profiles *profile.Service
	Log      *slog.Logger
}

// Options choose what a run looks at. The zero value looks at the structure of everything and reads no file's bytes.
type Options struct {
	Repo    *repo.Head       // this one alone; nil: all
	Data    bool             // read all bytes and hash them
	Subset  Subset           // of the objects whose bytes are read
	SHA256  bool             // put each large file together and compare its SHA-256
	Orphans bool             // look for bytes that no row names
	Young   time.Duration    // the age up to which those are of an upload under way; 0: a day
	Workers int              // 0: one a processor
	Note    bool             // mark damaged xorbs, and write damage of objects down, as it is found
	Now     func() time.Time // what is written down is dated by; nil: by the hub's clock
}

// Subset is a part of all objects. The zero value is all of them.
type Subset struct {
	N, Of   int     // the N-th of Of parts, from 1: the same objects each time
	Percent float64 // a random part
}

// takes reports whether an object is in the subset, by the first bytes of its hash.
func (s Subset) takes(hash []byte) bool {
	switch {
	case s.Of > 1:
		return int(binary.BigEndian.Uint32(hash)%uint32(s.Of)) == s.N-1
	case s.Percent > 0:
		return rand.Float64()*100 < s.Percent
	}
	return true
}

// page is how many rows are read at once.
const page = 500

// Checker looks through a hub's storage, once.
type Checker struct {
	d     Deps
	o     Options
	found *findings
	scrub bool // of packs, only the SHA-1 is computed

	// What is damaged of that which repositories are made of: who looks at a repository adds which of its files that is.
	mu      sync.Mutex
	xorbs   map[xet.Hash]*Finding
	objects map[string]map[hub.OID]*Finding // by repository
	broken  map[string]*Finding             // repositories that have a pack whose objects cannot be told
	told    map[findingKey]bool             // what this run has written down

	repos, files, objectCount, xorbCount, packCount, pictures, bytes atomic.Int64
	total                                                            atomic.Int64 // bytes to read, as far as known
}

// New prepares one run.
func New(d Deps, o Options) *Checker {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Young == 0 {
		o.Young = inFlight
	}
	if o.Now == nil {
		o.Now = d.DB.Now
	}
	return &Checker{d: d, o: o, found: newFindings(), told: map[findingKey]bool{}, xorbs: map[xet.Hash]*Finding{}, objects: map[string]map[hub.OID]*Finding{}, broken: map[string]*Finding{}}
}

// Progress is how far a run is.
type Progress struct {
	Repos, Xorbs, Packs int64
	Bytes, Total        int64 // read to be hashed; of how many, as far as known
	Findings            int
}

// Progress may be asked while Run runs.
func (c *Checker) Progress() Progress {
	c.found.mu.Lock()
	n := len(c.found.byKey)
	c.found.mu.Unlock()
	return Progress{c.repos.Load(), c.xorbCount.Load(), c.packCount.Load(), c.bytes.Load(), c.total.Load(), n}
}

// Run looks at all that the options name. An error says that it could not come to its end; the report has what was found
// until then. Objects come before the repositories that are made of them, so that a damaged one is named with the files that
// it takes away.
func (c *Checker) Run(ctx context.Context) (*Report, error) {
	var err error
	for _, step := range []func(context.Context) error{c.database, c.allXorbs, c.allPacks, c.allPictures, c.allRepos, c.storage, c.orphans} {
		if err = step(ctx); err != nil {
			break
		}
	}
	r := &Report{Repos: c.repos.Load(), Files: c.files.Load(), Objects: c.objectCount.Load(), Xorbs: c.xorbCount.Load(),
		Packs: c.packCount.Load(), Pictures: c.pictures.Load(), Bytes: c.bytes.Load()}
	c.found.fill(r)
	return r, err
}

// each runs f on the items that list hands out, on several at a time.
func each[T any](ctx context.Context, workers int, list func(ctx context.Context, out func(T) error) error, f func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	items := make(chan T)
	g.Go(func() error {
		defer close(items)
		return list(ctx, func(item T) error {
			select {
			case items <- item:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range workers {
		g.Go(func() error {
			for item := range items {
				if err := f(ctx, item); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// state is what is wrong with an object. ok: nothing is, or it is not there any more and nobody misses it. Any other error
// ends the run: it says nothing about the bytes.
func state(err error) (s blob.State, ok bool, fatal error) {
	var damage *blob.DamageError
	switch {
	case err == nil:
		return "", true, nil
	case errors.As(err, &damage):
		return damage.State, false, nil
	case errs.Is(err, errs.NotFound):
		return "", true, nil
	}
	return "", false, err
}

// detail is a cause without what the kind and the key say already.
func detail(err error) string {
	var damage *blob.DamageError
	if errors.As(err, &damage) {
		err = damage.Err
	}
	return err.Error()
}

// database has the engine look at its own.
func (c *Checker) database(ctx context.Context) error {
	if c.o.Repo != nil {
		return nil
	}
	h, err := c.d.DB.Check(ctx)
	if err != nil {
		return err
	}
	for kind, list := range map[Kind][]string{DBDamage: h.Damage, DBDangling: h.Dangling, DBWarning: h.Warnings} {
		for i, text := range list {
			c.found.add(kind, fmt.Sprintf("database %d", i+1), text)
		}
	}
	return nil
}

// storage counts anew what is counted.
func (c *Checker) storage(ctx context.Context) error {
	id := ""
	if c.o.Repo != nil {
		id = c.o.Repo.ID
	}
	var wrong []quota.Wrong
	if err := c.d.Quota.Check(ctx, id, func(w quota.Wrong) { wrong = append(wrong, w) }); err != nil {
		return err
	}
	for _, w := range wrong {
		text := "the hub counts " + bytesText(w.Kept) + ", there are " + bytesText(w.Found)
		if w.RepoID == "" {
			c.found.add(StorageRow, "quota_owner "+w.OwnerID, text)
			continue
		}
		a, err := c.repoName(ctx, w.RepoID)
		if err != nil {
			return err
		}
		c.found.add(StorageRow, "quota_repo "+w.RepoID, text, a)
	}
	return nil
}

// repoName names a repository by its id.
func (c *Checker) repoName(ctx context.Context, id string) (Affected, error) {
	return Named(ctx, c.d.Repos, c.d.DB, id)
}

// Named is a repository by its id, as something that damage touches. One that was deleted has the name that it had.
func Named(ctx context.Context, repos *repo.Service, q db.Queryer, id string) (Affected, error) {
	h, err := repos.HeadOf(ctx, q, id)
	if err != nil || h == nil {
		return Affected{RepoID: id}, err
	}
	return named(h), nil
}

func named(h *repo.Head) Affected {
	return Affected{Repo: h.RepoID().Path(), RepoID: h.ID, Deleted: h.Deleted}
}
