package gitstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Pack is a finished pack that has no row yet. Its bytes are durable once the row is: they are in the blob store
// already, or go with the row.
type Pack struct {
	cat      *git.Catalog // nil: no objects, no row
	packKey  string
	indexKey string
	inline   []byte

	// since is the collect_epoch at which the maker saw the objects that this pack builds on; unknownEpoch: whichever.
	since int64
	loose bool
}

const unknownEpoch = -1

// MarkLoose says that no ref may come to reach some of the pack's objects: the collector looks for them later.
func (p *Pack) MarkLoose() { p.loose = true }

// Objects is the number of objects in the pack.
func (p *Pack) Objects() int {
	if p.cat == nil {
		return 0
	}
	return p.cat.Len()
}

// Size is the bytes of the pack.
func (p *Pack) Size() int64 {
	if p.cat == nil {
		return 0
	}
	return p.cat.PackSize()
}

// Catalog lists the pack's objects; nil for a pack without objects.
func (p *Pack) Catalog() *git.Catalog { return p.cat }

// AddPack makes a pack's objects part of the repository when tx commits. A pack without objects adds no row.
func (s *Store) AddPack(ctx context.Context, tx *db.Tx, repoID string, p *Pack) error {
	if p.cat == nil {
		return nil
	}
	_, err := s.addPack(ctx, tx, repoID, p)
	return err
}

// addPack gives the repository's numbers after it. errStale: what the pack builds on must be looked for again.
func (s *Store) addPack(ctx context.Context, tx *db.Tx, repoID string, p *Pack) (epochs, error) {
	now, err := s.bump(ctx, tx, repoID, epochs{Seq: 1})
	if err != nil {
		return now, err
	}
	if now.Collects > 0 && p.since != now.Collects {
		return now, errStale
	}
	if p.loose {
		if err := s.noteDropped(ctx, tx, repoID, hub.OID{}); err != nil {
			return now, err
		}
	}
	tx.AfterCommit(func() { s.feed(repoID, p, now.Seq, now.Folds) })
	s.grow(ctx, tx, repoID, p.Size(), false)
	return now, s.insertPack(ctx, tx, repoID, p, now.Seq)
}

// epochs are the numbers of a repository that say what has become of its packs.
type epochs struct {
	Seq      int64 `db:"pack_seq"`
	Folds    int64 `db:"fold_epoch"`
	Collects int64 `db:"collect_epoch"`
}

// bump adds to the numbers and gives the new ones. It locks git_repo's row, so packs appear in the order of commits.
func (s *Store) bump(ctx context.Context, tx *db.Tx, repoID string, by epochs) (now epochs, err error) {
	err = tx.Get(ctx, &now, `UPDATE git_repo SET pack_seq = pack_seq + ?, fold_epoch = fold_epoch + ?, collect_epoch = collect_epoch + ?
		WHERE repo_id = ? RETURNING pack_seq, fold_epoch, collect_epoch`, by.Seq, by.Folds, by.Collects, repoID)
	if db.IsNoRows(err) {
		return now, errs.RepoNotFound()
	}
	return now, errs.Wrap("gitstore.AddPack", err)
}

func (s *Store) insertPack(ctx context.Context, tx *db.Tx, repoID string, p *Pack, seq int64) error {
	var idx []byte
	if p.indexKey == "" {
		idx = p.cat.Bytes()
	}
	_, err := tx.Exec(ctx, `INSERT INTO git_pack
		(repo_id, seq, hash, objects, size, pack_key, index_key, pack, idx, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		repoID, seq, p.cat.PackHash().String(), p.cat.Len(), p.cat.PackSize(), p.packKey, p.indexKey,
		p.inline, idx, now(tx))
	return errs.Wrap("gitstore.AddPack", err)
}

// feed gives the caches what was just committed.
func (s *Store) feed(repoID string, p *Pack, seq, epoch int64) {
	st, ok := s.states.Get(repoID)
	if !ok || st.epoch != epoch {
		return
	}
	q := p.row(repoID, seq)
	ok, weight := st.extend(q)
	if !ok {
		return // another node's pack came between; the next Open loads both
	}
	s.states.Put(repoID, st, weight)
	if p.packKey == "" {
		s.inline.Put(packKey{repoID, seq}, git.NewPackReader(bytes.NewReader(p.inline), p.cat), int64(len(p.inline)))
	}
}

func (p *Pack) row(repoID string, seq int64) *pack {
	return &pack{repoID: repoID, seq: seq, size: p.cat.PackSize(), packKey: p.packKey, indexKey: p.indexKey, cat: p.cat}
}

// IngestPack makes a pack of one that git made, from size bytes of r: it must be complete, so that no delta's base is
// outside (git index-pack --fix-thin). The catalog is built within lim.
func (s *Store) IngestPack(ctx context.Context, repoID string, r io.ReaderAt, size int64, lim git.IndexLimits) (*Pack, error) {
	cat, err := git.IndexPack(r, size, lim)
	if err != nil {
		return nil, wrapGit(err)
	}
	if cat.Len() == 0 {
		return &Pack{}, nil
	}
	return s.storePack(ctx, repoID, cat.Len(), size, func(w io.Writer) (*git.Catalog, error) {
		_, err := io.Copy(w, io.NewSectionReader(r, 0, size))
		return cat, err
	})
}

// storePack keeps a pack where its size says: with its row or in the blob store. write writes it.
func (s *Store) storePack(ctx context.Context, repoID string, objects int, size int64, write func(io.Writer) (*git.Catalog, error)) (*Pack, error) {
	if size <= s.o.InlineMax && int64(objects)*88 <= s.o.InlineMax {
		b := bytes.NewBuffer(make([]byte, 0, size))
		cat, err := write(b)
		if err != nil {
			return nil, errs.Wrap("gitstore.Finish", err)
		}
		return &Pack{cat: cat, inline: b.Bytes(), since: unknownEpoch}, nil
	}
	p, err := s.uploadPack(ctx, repoID, write)
	return p, errs.Wrap("gitstore.Finish", err)
}

func (s *Store) uploadPack(ctx context.Context, repoID string, write func(io.Writer) (*git.Catalog, error)) (*Pack, error) {
	up, err := s.blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer up.Abort()
	cat, err := write(up)
	if err != nil {
		return nil, err
	}
	key := newKey(repoID, cat)
	if err := up.Commit(ctx, key+packExt); err != nil {
		return nil, err
	}
	idx, err := s.blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer idx.Abort()
	if _, err := idx.Write(cat.Bytes()); err != nil {
		return nil, err
	}
	if err := idx.Commit(ctx, key+catalogExt); err != nil {
		return nil, err
	}
	return &Pack{cat: cat, packKey: key + packExt, indexKey: key + catalogExt, since: unknownEpoch}, nil
}

const keyPrefix = "git/"

// newKey never gives a key twice: a collector that is about to delete an unused pack cannot hit one that was just
// written with the same content, and a SHA-1 collision cannot reach another repository.
func newKey(repoID string, cat *git.Catalog) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return keyPrefix + repoID + "/" + cat.PackHash().String() + "-" + hex.EncodeToString(b[:])
}
