package gitstore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// verifiedPack is what VerifyPack says at each level: "" for sound, else the state.
func (f *fixture) verifiedPack(p gitstore.PackInfo) (states [4]blob.State) {
	f.t.Helper()
	for level := range states {
		err := f.s.VerifyPack(f.ctx, p, blob.Level(level))
		var damage *blob.DamageError
		if errors.As(err, &damage) && errors.Is(err, gitstore.ErrDamaged) {
			states[level] = damage.State
		} else if err != nil {
			f.t.Fatalf("level %d: %v", level, err)
		}
	}
	return states
}

// packs are the rows of all packs, read in pages of two.
func (f *fixture) packs() (all []gitstore.PackInfo) {
	f.t.Helper()
	repo, seq := "", int64(0)
	for {
		page, err := f.s.Packs(f.ctx, repo, seq, 2)
		f.ok(err)
		all = append(all, page...)
		if len(page) < 2 {
			return all
		}
		repo, seq = page[1].RepoID, page[1].Seq
	}
}

// place reads and replaces a blob, or a column of a pack's row.
type place struct {
	key    string
	column string
}

func (f *fixture) read(p gitstore.PackInfo, at place) (b []byte) {
	f.t.Helper()
	if at.column != "" {
		f.ok(f.db.Get(f.ctx, &b, "SELECT "+at.column+" FROM git_pack WHERE repo_id = ? AND seq = ?", p.RepoID, p.Seq))
		return b
	}
	b, err := blob.GetBytes(f.ctx, f.blobs, at.key, 100<<20)
	f.ok(err)
	return b
}

func (f *fixture) replace(p gitstore.PackInfo, at place, b []byte) {
	f.t.Helper()
	if at.column != "" {
		_, err := f.db.Exec(f.ctx, "UPDATE git_pack SET "+at.column+" = ? WHERE repo_id = ? AND seq = ?", b, p.RepoID, p.Seq)
		f.ok(err)
		return
	}
	f.ok(f.blobs.Delete(f.ctx, at.key))
	if b != nil {
		f.ok(blob.PutBytes(f.ctx, f.blobs, at.key, b))
	}
}

func TestVerifyPackTellsWhatIsWrong(t *testing.T) {
	const ok = blob.State("")
	for _, inlineMax := range []int64{1 << 20, 1} {
		t.Run(fmt.Sprint("inline ", inlineMax), func(t *testing.T) {
			each(t, gitstore.Options{InlineMax: inlineMax}, func(f *fixture) {
				for i := range 3 {
					f.commit(files{fmt.Sprint("f", i): strings.Repeat("text ", 900*i), "p": pointerText(i)})
				}
				packs := slices.DeleteFunc(f.packs(), func(p gitstore.PackInfo) bool { return p.RepoID != f.id })
				if len(packs) != 3 {
					f.t.Fatalf("%d packs", len(packs))
				}
				p := packs[1]
				pack, catalog := place{key: p.PackKey}, place{key: p.IndexKey}
				if p.PackKey == "" {
					pack, catalog = place{column: "pack"}, place{column: "idx"}
				}
				if got := f.verifiedPack(p); got != [4]blob.State{} {
					f.t.Fatal("a sound pack: ", got)
				}
				rng := rand.New(rand.NewPCG(7, 8))
				for range 8 {
					for _, at := range []place{pack, catalog} {
						whole := f.read(p, at)
						bad := slices.Clone(whole)
						bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
						f.replace(p, at, bad)
						want := [4]blob.State{ok, ok, blob.Corrupt, blob.Corrupt}
						if at == catalog {
							want[1] = blob.Corrupt
						}
						if got := f.verifiedPack(p); got != want {
							f.t.Errorf("a flipped bit in %v: %v", at, got)
						}
						f.replace(p, at, whole)
					}
				}
				whole := f.read(p, pack)
				f.replace(p, pack, whole[:len(whole)/2])
				if got := f.verifiedPack(p); got[0] != blob.Short {
					f.t.Errorf("a cut pack: %v", got)
				}
				f.replace(p, pack, nil)
				if got := f.verifiedPack(p); got[0] != blob.Absent && got[0] != blob.Short {
					f.t.Errorf("an absent pack: %v", got)
				}
				f.replace(p, pack, whole)
				f.replace(p, catalog, nil)
				if got := f.verifiedPack(p); got[0] != blob.Absent {
					f.t.Errorf("an absent catalog: %v", got)
				}
				_, err := f.db.Exec(f.ctx, "DELETE FROM git_pack WHERE repo_id = ? AND seq = ?", p.RepoID, p.Seq)
				f.ok(err)
				if err := f.s.VerifyPack(f.ctx, p, blob.Objects); !errs.Is(err, errs.NotFound) || errors.Is(err, blob.ErrDamaged) {
					f.t.Errorf("a pack without a row: %v", err)
				}
			})
		})
	}
}

// What is stored may be consistent in itself and yet wrong: each object is made and hashed, those packed as deltas, too.
func TestVerifyPackMakesEachObject(t *testing.T) {
	f := benchFixture(t)
	f.adopt(pointerHistory(t, 3))
	p := f.packs()[0]
	f.ok(f.s.VerifyPack(f.ctx, p, blob.Objects))
	catalog := f.read(p, place{column: "idx"})
	for i := range p.Objects {
		lie := slices.Clone(catalog)
		lie[44+20*i+19] ^= 1 // the last byte of an id: the order stays
		end := len(lie) - 4
		binary.LittleEndian.PutUint32(lie[end:], crc32.Checksum(lie[:end], crc32.MakeTable(crc32.Castagnoli)))
		f.replace(p, place{column: "idx"}, lie)
		f.ok(f.s.VerifyPack(f.ctx, p, blob.Data))
		if err := f.s.VerifyPack(f.ctx, p, blob.Objects); !errors.Is(err, gitstore.ErrDamaged) {
			t.Fatalf("object %d has another id: %v", i, err)
		}
		if i == 60 {
			break // each try makes all objects
		}
	}
}
