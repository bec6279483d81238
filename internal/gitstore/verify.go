package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// ErrDamaged is matched by every error that says that a stored pack is not what it should be. The error is a
// [blob.DamageError].
var ErrDamaged = blob.ErrDamaged

// verifyBuffer is what is read at once from a store that does not hand out blocks of its own.
const verifyBuffer = 1 << 20

// PackInfo is a pack as its row has it.
type PackInfo struct {
	RepoID   string `db:"repo_id"`
	Seq      int64  `db:"seq"`
	Hash     string `db:"hash"` // 40 hex
	Objects  int    `db:"objects"`
	Size     int64  `db:"size"`      // bytes of the pack
	PackKey  string `db:"pack_key"`  // of its blob; empty: the pack is in its row
	IndexKey string `db:"index_key"` // of its catalog's
}

// Key names the pack where something is said of it: its blob, or its row.
func (p *PackInfo) Key() string {
	if p.PackKey != "" {
		return p.PackKey
	}
	return fmt.Sprintf("git_pack %s %d", p.RepoID, p.Seq)
}

func (p *PackInfo) catalogKey() string {
	if p.IndexKey != "" {
		return p.IndexKey
	}
	return fmt.Sprintf("git_pack %s %d idx", p.RepoID, p.Seq)
}

// Packs lists packs in the order of repository and number, up to limit of them after the one named. Repositories may
// share a blob. It costs one statement.
func (s *Store) Packs(ctx context.Context, afterRepo string, afterSeq int64, limit int) ([]PackInfo, error) {
	var rows []PackInfo
	err := s.db.Select(ctx, &rows, `SELECT repo_id, seq, hash, objects, size, pack_key, index_key FROM git_pack
		WHERE (repo_id, seq) > (?, ?) ORDER BY repo_id, seq LIMIT ?`, afterRepo, afterSeq, limit)
	return rows, errs.Wrap("gitstore.Packs", err)
}

// VerifyPack reads a pack where it is kept for good, past all caches, as closely as level says: Index parses its catalog,
// Data compares the pack's SHA-1 with it, Objects makes and hashes each object. Damage is [ErrDamaged]; a pack that has no
// row any more is errs.NotFound and not damage. What changes meanwhile is looked at again before it is called damage.
func (s *Store) VerifyPack(ctx context.Context, p PackInfo, level blob.Level) error {
	for try := 0; ; try++ {
		err := s.verifyPack(ctx, &p, level)
		if err == nil || !errors.Is(err, ErrDamaged) {
			return err
		}
		// A pack that was folded or collected loses its row before its blob.
		var rows []PackInfo
		e := s.db.Select(ctx, &rows, `SELECT repo_id, seq, hash, objects, size, pack_key, index_key FROM git_pack
			WHERE repo_id = ? AND seq = ?`, p.RepoID, p.Seq)
		switch {
		case e != nil:
			return errs.Wrap("gitstore.VerifyPack", e)
		case len(rows) == 0:
			return packRowGone(&p)
		case rows[0] == p && try > 0:
			return err
		}
		p = rows[0]
	}
}

func packRowGone(p *PackInfo) error {
	return errs.New(errs.NotFound, "There is no pack %d of repository %s", p.Seq, p.RepoID)
}

func (s *Store) verifyPack(ctx context.Context, p *PackInfo, level blob.Level) error {
	pack, idx, err := s.rowBytes(ctx, p)
	if err != nil {
		return err
	}
	if err := s.packPresent(ctx, p, pack, idx); err != nil || level == blob.Present {
		return err
	}
	cat, err := s.verifyCatalog(ctx, p, idx)
	if err != nil || level == blob.Index {
		return blob.Damaged(p.catalogKey(), err, git.ErrMalformed)
	}
	return blob.Damaged(p.Key(), s.verifyBytes(ctx, p, pack, cat, level), git.ErrMalformed)
}

// rowBytes are what a pack has in its row.
func (s *Store) rowBytes(ctx context.Context, p *PackInfo) (pack, idx []byte, err error) {
	if p.PackKey != "" && p.IndexKey != "" {
		return nil, nil, nil
	}
	var row struct{ Pack, Idx []byte }
	err = s.db.Get(ctx, &row, `SELECT pack, idx FROM git_pack WHERE repo_id = ? AND seq = ?`, p.RepoID, p.Seq)
	if db.IsNoRows(err) {
		return nil, nil, packRowGone(p)
	}
	return row.Pack, row.Idx, errs.Wrap("gitstore.VerifyPack", err)
}

func (s *Store) packPresent(ctx context.Context, p *PackInfo, pack, idx []byte) error {
	size := int64(len(pack))
	if p.PackKey != "" {
		info, err := s.blobs.Stat(ctx, p.PackKey)
		if err != nil {
			return blob.Damaged(p.Key(), err)
		}
		size = info.Size
	}
	if size != p.Size {
		state := blob.Corrupt
		if size < p.Size {
			state = blob.Short
		}
		return &blob.DamageError{Key: p.Key(), State: state, Err: fmt.Errorf("%d bytes instead of %d", size, p.Size)}
	}
	if p.IndexKey != "" {
		_, err := s.blobs.Stat(ctx, p.IndexKey)
		return blob.Damaged(p.catalogKey(), err)
	}
	if len(idx) == 0 {
		return &blob.DamageError{Key: p.catalogKey(), State: blob.Absent, Err: errors.New("the row has no catalog")}
	}
	return nil
}

// verifyCatalog parses the catalog, which has a checksum of its own, and compares it with the row.
func (s *Store) verifyCatalog(ctx context.Context, p *PackInfo, idx []byte) (*git.Catalog, error) {
	if p.IndexKey != "" {
		var err error
		if idx, err = s.readUncached(ctx, p.IndexKey); err != nil {
			return nil, err
		}
	}
	cat, err := git.ParseCatalog(idx)
	if err != nil {
		return nil, err
	}
	if cat.PackHash().String() != p.Hash || cat.PackSize() != p.Size || cat.Len() != p.Objects {
		return nil, fmt.Errorf("%w: it is of pack %s with %d objects in %d bytes, the row says %s, %d, %d",
			git.ErrMalformed, cat.PackHash(), cat.Len(), cat.PackSize(), p.Hash, p.Objects, p.Size)
	}
	return cat, nil
}

func (s *Store) readUncached(ctx context.Context, key string) ([]byte, error) {
	r, err := blob.OpenUncached(ctx, s.blobs, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxCatalog+1))
	if err == nil && len(b) > maxCatalog {
		err = fmt.Errorf("%w: a catalog of more than %d bytes", git.ErrMalformed, maxCatalog)
	}
	return b, err
}

func (s *Store) verifyBytes(ctx context.Context, p *PackInfo, pack []byte, cat *git.Catalog, level blob.Level) error {
	if p.PackKey == "" {
		if err := verifySum(cat, bytes.NewReader(pack)); err != nil || level < blob.Objects {
			return err
		}
		return git.NewPackReader(bytes.NewReader(pack), cat).VerifyObjects(ctx.Err)
	}
	r, err := blob.OpenUncached(ctx, s.blobs, p.PackKey, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	if level < blob.Objects {
		return verifySum(cat, r)
	}
	f, copied, err := s.packFile(ctx, p.PackKey)
	if err != nil {
		return err
	}
	defer f.Close()
	if copied {
		err = verifySum(cat, r, f)
	} else {
		err = verifySum(cat, r)
	}
	if err != nil {
		return err
	}
	return git.NewPackReader(f, cat).VerifyObjects(ctx.Err)
}

// verifySum reads a pack to its end, into copies as well, and compares its SHA-1 with its catalog.
func verifySum(cat *git.Catalog, r io.Reader, copies ...io.Writer) error {
	v := git.NewPackVerifier(cat.PackSize())
	w := io.Writer(v)
	for _, c := range copies {
		w = io.MultiWriter(w, c)
	}
	if _, err := io.CopyBuffer(w, r, make([]byte, min(verifyBuffer, cat.PackSize()+1))); err != nil {
		return err
	}
	n, sum, err := v.Sum()
	if err == nil && (sum != cat.PackHash() || int(n) != cat.Len()) {
		err = fmt.Errorf("%w: it is pack %s of %d objects, its catalog says %s, %d", git.ErrMalformed, sum, n, cat.PackHash(), cat.Len())
	}
	return err
}

// packFile is a file to make objects from: the store's own, or an empty one that the pack is to be copied to.
func (s *Store) packFile(ctx context.Context, key string) (f *os.File, copied bool, err error) {
	if filed, ok := s.blobs.(blob.Filed); ok {
		f, err = filed.OpenFile(ctx, key)
		return f, false, err
	}
	dir, err := s.makeDir()
	if err != nil {
		return nil, false, err
	}
	f, err = tempfile.New(dir)
	return f, true, err
}

// maxDamaged bounds how many damaged objects of a pack are named.
const maxDamaged = 1 << 20

// DamagedObjects are the objects that a damaged pack does not give any more, up to a million of them: all of a pack in the
// store, since it is read only as a whole that has its SHA-1, and of one in its row those that do not hash to their ids. nil:
// they cannot be told, as the pack's catalog is damaged, too.
func (s *Store) DamagedObjects(ctx context.Context, p PackInfo) ([]hub.OID, error) {
	pack, idx, err := s.rowBytes(ctx, &p)
	if err != nil {
		return nil, damagedOnly(err)
	}
	cat, err := s.verifyCatalog(ctx, &p, idx)
	if err != nil {
		return nil, damagedOnly(blob.Damaged(p.catalogKey(), err, git.ErrMalformed))
	}
	if p.PackKey != "" {
		return allOf(cat), nil
	}
	bad := []hub.OID{}
	err = git.NewPackReader(bytes.NewReader(pack), cat).Spoiled(ctx.Err, func(oid hub.OID) bool {
		bad = append(bad, oid)
		return len(bad) < maxDamaged
	})
	return bad, err
}

// damagedOnly passes on an error that is no damage, and none that is.
func damagedOnly(err error) error {
	if errors.Is(err, ErrDamaged) || errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

func allOf(cat *git.Catalog) []hub.OID {
	all := make([]hub.OID, min(cat.Len(), maxDamaged))
	for i := range all {
		all[i] = cat.OID(i)
	}
	return all
}

// Unknown are those of some blobs' keys that belong to no pack that has a row.
func (s *Store) Unknown(ctx context.Context, keys []string) (unknown []string, err error) {
	packs := make([]garbageRow, len(keys))
	for i, key := range keys {
		packs[i].Key = strings.TrimSuffix(strings.TrimSuffix(key, catalogExt), packExt) + packExt
	}
	named, err := namedKeys(ctx, s.db, packs)
	if err != nil {
		return nil, errs.Wrap("gitstore.Unknown", err)
	}
	for i, key := range keys {
		if !named[packs[i].Key] {
			unknown = append(unknown, key)
		}
	}
	return unknown, nil
}

// Stored is the bytes of all packs, each repository's for itself.
func (s *Store) Stored(ctx context.Context) (bytes int64, err error) {
	err = s.db.Get(ctx, &bytes, `SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM git_pack`)
	return bytes, errs.Wrap("gitstore.Stored", err)
}
