package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// Mending makes a damaged pack whole again. A pack's name is the SHA-1 of its bytes, so any copy that hashes to it will
// do: this node's own, a replica's, the same pack of another repository. Where no copy is whole, the pack is written again
// object by object from all that hold one: each is hashed before it is taken. What is damaged is replaced at once and
// whole, or by a pack of another name in one transaction; a run that ends early is found as it is by the next.

// RowPackKey is what a replica is asked for where a pack lives in its row: by its SHA-1.
func RowPackKey(hash string) string { return RowPackPrefix + hash }

// RowPackPrefix is what those keys begin with. No blob has such a key.
const RowPackPrefix = PackTable + "/"

// PackTable is the table of packs.
const PackTable = "git_pack"

// PackOfRow is the pack that lives in a row of that table, as a backup has it, and its SHA-1 in hex; nil: it has none.
func PackOfRow(t *db.Table, values []any) (hash string, pack []byte) {
	for i, c := range t.Columns {
		switch c.Name {
		case "hash":
			hash, _ = values[i].(string)
		case "pack":
			pack, _ = values[i].([]byte)
		}
	}
	return hash, pack
}

// Replica is where copies of blobs may be, under the same keys, and of packs in rows under [RowPackKey].
type Replica interface {
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
}

// How a pack became whole.
type How string

// The ways. Their words are printed.
const (
	WasSound    How = "sound"     // it was not damaged, or not any more
	FromItself  How = "rebuilt"   // the catalog was made anew from the pack
	FromNode    How = "node"      // this node had a copy
	FromReplica How = "replica"   // a replica has it
	FromOthers  How = "elsewhere" // other packs hold the same objects
)

// MendedPack is what became of a pack.
type MendedPack struct {
	How    How       // empty: it is still damaged
	Lost   []hub.OID // objects that nothing holds; nil though damaged: not even what it consists of is known
	GaveUp bool      // it was written again without them
}

// MendOptions say what a repair may do.
type MendOptions struct {
	Replicas []Replica
	Nodes    []string // cache folders (Options.CacheDir) of processes on this machine, which may have copies
	Dry      bool     // change nothing, and answer what would be done
	GiveUp   bool     // write the pack again without what is lost
}

// MendPack makes a pack whole if it can. A pack without a row is errs.NotFound.
func (s *Store) MendPack(ctx context.Context, p PackInfo, o MendOptions) (MendedPack, error) {
	err := s.VerifyPack(ctx, p, blob.Objects)
	if err == nil {
		return MendedPack{How: WasSound}, nil
	}
	if !errors.Is(err, ErrDamaged) {
		return MendedPack{}, err
	}
	m := &packMend{s: s, p: p, o: o}
	defer m.close()
	out, err := m.run(ctx)
	if err == nil && out.How != "" && !o.Dry {
		s.forgetPack(&p)
	}
	return out, errs.Wrap("gitstore.MendPack", err)
}

// forgetPack drops what this process keeps of a pack. Other processes have checked what they keep.
func (s *Store) forgetPack(p *PackInfo) {
	s.forget(p.RepoID)
	s.inline.Remove(packKey{p.RepoID, p.Seq})
}

// packMend is the repair of one pack.
type packMend struct {
	s *Store
	p PackInfo
	o MendOptions

	rowPack, rowIdx []byte // of a pack that lives in its row
	own             error  // what is wrong with the pack itself; nil: nothing
	cat             *git.Catalog
	copies          []packCopy
}

// packCopy is a copy of the pack, whole or not.
type packCopy struct {
	how  How
	file *os.File
}

func (m *packMend) close() {
	for _, c := range m.copies {
		_ = c.file.Close()
	}
}

func (m *packMend) run(ctx context.Context) (MendedPack, error) {
	var err error
	if m.rowPack, m.rowIdx, err = m.s.rowBytes(ctx, &m.p); err != nil {
		return MendedPack{}, err
	}
	whole, err := m.findWhole(ctx)
	if err != nil {
		return MendedPack{}, err
	}
	if whole != nil {
		return m.restore(ctx, whole)
	}
	return m.rewrite(ctx)
}

// findWhole looks for a copy that hashes to the pack's name, and keeps those that do not.
func (m *packMend) findWhole(ctx context.Context) (*packCopy, error) {
	own := func(ctx context.Context) (io.ReadCloser, error) {
		if m.p.PackKey == "" {
			return io.NopCloser(bytes.NewReader(m.rowPack)), nil
		}
		return blob.OpenUncached(ctx, m.s.blobs, m.p.PackKey, 0, -1)
	}
	if c, err := m.try(ctx, FromItself, own); c != nil || err != nil {
		return c, err
	}
	if m.p.PackKey != "" {
		for _, dir := range append([]string{m.s.o.CacheDir}, m.o.Nodes...) {
			node := func(context.Context) (io.ReadCloser, error) { return os.Open(cachePath(packDir(dir), m.p.PackKey)) }
			if c, err := m.try(ctx, FromNode, node); c != nil || err != nil {
				return c, err
			}
		}
	}
	key := m.p.PackKey
	if key == "" {
		key = RowPackKey(m.p.Hash)
	}
	for _, r := range m.o.Replicas {
		replica := func(ctx context.Context) (io.ReadCloser, error) { return r.Open(ctx, key, 0, -1) }
		if c, err := m.try(ctx, FromReplica, replica); c != nil || err != nil {
			return c, err
		}
	}
	return m.tryTwins(ctx)
}

// twin is the same pack of another repository.
type twin struct {
	RepoID  string `db:"repo_id"`
	Seq     int64  `db:"seq"`
	PackKey string `db:"pack_key"`
}

const twinsTried = 20

// tryTwins looks at packs of the same name that are stored for themselves: repositories are copied and pushed twice.
func (m *packMend) tryTwins(ctx context.Context) (*packCopy, error) {
	var twins []twin
	err := m.s.db.Select(ctx, &twins, `SELECT repo_id, seq, pack_key FROM git_pack WHERE hash = ? AND size = ?
		AND NOT (repo_id = ? AND seq = ?) AND (pack_key = '' OR pack_key <> ?) ORDER BY repo_id, seq LIMIT ?`,
		m.p.Hash, m.p.Size, m.p.RepoID, m.p.Seq, m.p.PackKey, twinsTried)
	if err != nil {
		return nil, err
	}
	for _, t := range twins {
		open := func(ctx context.Context) (io.ReadCloser, error) {
			if t.PackKey != "" {
				return m.s.blobs.Open(ctx, t.PackKey, 0, -1)
			}
			b, _, err := m.s.rowBytes(ctx, &PackInfo{RepoID: t.RepoID, Seq: t.Seq})
			return io.NopCloser(bytes.NewReader(b)), err
		}
		if c, err := m.try(ctx, FromOthers, open); c != nil || err != nil {
			return c, err
		}
	}
	return nil, nil
}

// try copies one candidate to the node's disk. It is returned if it is whole. An error is not about its bytes.
func (m *packMend) try(ctx context.Context, how How, open func(context.Context) (io.ReadCloser, error)) (*packCopy, error) {
	r, err := open(ctx)
	if err == nil {
		defer r.Close()
		dir, e := m.s.makeDir()
		if e != nil {
			return nil, e
		}
		f, e := tempfile.New(dir)
		if e != nil {
			return nil, e
		}
		m.copies = append(m.copies, packCopy{how, f})
		_, err = io.Copy(ownDisk{f}, io.LimitReader(r, m.p.Size+1))
		if err == nil {
			err = m.isWhole(f)
		}
	}
	if how == FromItself {
		m.own = err
	}
	switch {
	case err == nil:
		return &m.copies[len(m.copies)-1], nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case blamesCopy(err):
		return nil, nil
	}
	return nil, err
}

// blamesCopy reports whether an error says that a copy is absent or damaged, and not that its store did not answer.
func blamesCopy(err error) bool {
	var own *diskError
	if errors.As(err, &own) {
		return false
	}
	return errors.Is(err, os.ErrNotExist) || errors.Is(blob.Damaged("", err, git.ErrMalformed), ErrDamaged)
}

func (m *packMend) isWhole(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != m.p.Size {
		return fmt.Errorf("%w: %d bytes instead of %d", git.ErrMalformed, info.Size(), m.p.Size)
	}
	_, sum, err := git.VerifyPack(f, info.Size())
	if err != nil && !errors.Is(err, git.ErrMalformed) {
		return &diskError{err}
	}
	if err == nil && sum.String() != m.p.Hash {
		err = fmt.Errorf("%w: it is pack %s", git.ErrMalformed, sum)
	}
	return err
}

// restore writes a whole copy, and a catalog of it, where the damaged ones are. The catalog is made from the pack, so
// that nothing of the old one is believed.
func (m *packMend) restore(ctx context.Context, c *packCopy) (MendedPack, error) {
	cat, err := git.IndexPack(c.file, m.p.Size, git.IndexLimits{})
	if err != nil {
		return MendedPack{}, err
	}
	out := MendedPack{How: c.how}
	if m.o.Dry {
		return out, nil
	}
	if m.own != nil && m.p.PackKey != "" {
		if err := m.put(ctx, m.p.PackKey, io.NewSectionReader(c.file, 0, m.p.Size)); err != nil {
			return MendedPack{}, err
		}
	}
	if m.p.IndexKey != "" {
		if err := m.put(ctx, m.p.IndexKey, bytes.NewReader(cat.Bytes())); err != nil {
			return MendedPack{}, err
		}
	}
	return out, m.updateRow(ctx, c.file, cat)
}

func (m *packMend) put(ctx context.Context, key string, r io.Reader) error {
	up, err := m.s.blobs.Create(ctx)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := io.Copy(up, r); err != nil {
		return err
	}
	return up.Commit(ctx, key)
}

// updateRow writes what the row itself holds. A row that was folded away meanwhile is not there, and needs nothing.
func (m *packMend) updateRow(ctx context.Context, f *os.File, cat *git.Catalog) error {
	var pack, idx []byte
	if m.p.PackKey == "" {
		pack = make([]byte, m.p.Size)
		if _, err := f.ReadAt(pack, 0); err != nil && err != io.EOF {
			return err
		}
	}
	if m.p.IndexKey == "" {
		idx = cat.Bytes()
	}
	return m.s.db.Tx(ctx, func(tx *db.Tx) error {
		if m.p.PackKey == "" {
			if _, err := tx.Exec(ctx, `UPDATE git_pack SET pack = ? WHERE repo_id = ? AND seq = ? AND hash = ? AND pack_key = ''`,
				pack, m.p.RepoID, m.p.Seq, m.p.Hash); err != nil {
				return err
			}
		}
		if m.p.IndexKey == "" {
			if _, err := tx.Exec(ctx, `UPDATE git_pack SET idx = ? WHERE repo_id = ? AND seq = ? AND hash = ? AND index_key = ''`,
				idx, m.p.RepoID, m.p.Seq, m.p.Hash); err != nil {
				return err
			}
		}
		if cat.Len() != m.p.Objects {
			_, err := tx.Exec(ctx, `UPDATE git_pack SET objects = ? WHERE repo_id = ? AND seq = ? AND hash = ?`, cat.Len(), m.p.RepoID, m.p.Seq, m.p.Hash)
			return err
		}
		return nil
	})
}

// PacksAt are the packs whose blob has a key: repositories that are copies of each other share blobs.
func (s *Store) PacksAt(ctx context.Context, key string) ([]PackInfo, error) {
	var rows []PackInfo
	err := s.db.Select(ctx, &rows, `SELECT repo_id, seq, hash, objects, size, pack_key, index_key FROM git_pack
		WHERE pack_key = ? AND pack_key <> '' ORDER BY repo_id, seq`, key)
	return rows, errs.Wrap("gitstore.PacksAt", err)
}
