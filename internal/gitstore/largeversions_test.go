package gitstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// The versions of a large file come in the order in which they were in use, the last first, whatever the clocks of those who
// committed said and however the branches went.
func TestLargeHistoryComesBackwards(t *testing.T) {
	pointer := func(n byte) string { return string(git.Pointer{SHA256: hub.SHA256{n}, Size: int64(n)}.Encode()) }
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		blobtest.Each(t, func(t *testing.T, b blob.Store) {
			f := newFixture(t, d, b, smallOptions)
			commit := func(ref string, old hub.OID, when int64, fs files, more ...hub.OID) hub.OID {
				t.Helper()
				oid, err := f.commitOn(f.open(), ref, old, fs, when, more...)
				f.ok(err)
				return oid
			}
			first := commit(main, hub.OID{}, 9000, files{"w": pointer(1), "d/e": pointer(1), "text": "t"})
			second := commit(main, first, 10, files{"w": pointer(2)}) // a clock that is behind
			side := commit("refs/heads/side", hub.OID{}, 5000, files{"w": pointer(7)})
			third := commit(main, second, 10, files{"w": pointer(3)})
			back := commit(main, third, 10, files{"w": pointer(2)}, side)
			last := commit(main, back, 10, files{"w": pointer(4), "d/e": gone})
			var order []string
			err := f.open().LargeHistory(f.ctx, []hub.OID{last, second, last}, func(path string, p *git.Pointer) {
				if s := fmt.Sprint(path, p.SHA256[0]); !slices.Contains(order, s) {
					order = append(order, s)
				}
			})
			f.ok(err)
			place := func(s string) int { return slices.Index(order, s) }
			w := slices.DeleteFunc(slices.Clone(order), func(s string) bool { return s[0] != 'w' || s == "w7" })
			if !slices.Equal(w, []string{"w4", "w2", "w3", "w1"}) || place("w7") < place("w2") || place("d/e1") < 0 || len(order) != 6 {
				t.Errorf("the history goes %v", order)
			}
			var now []string
			f.ok(f.open().LargeFiles(f.ctx, []hub.OID{last, side, last}, func(path string, p *git.Pointer) { now = append(now, fmt.Sprint(path, p.SHA256[0])) }))
			if slices.Sort(now); !slices.Equal(now, []string{"w4", "w7"}) {
				t.Errorf("named now: %v", now)
			}
		})
	})
}

// What cannot be read must not pass for naming nothing: whoever asks would give up what it names.
func TestLargeFilesOfWhatIsMissing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		blobtest.Each(t, func(t *testing.T, b blob.Store) {
			f := newFixture(t, d, b, smallOptions)
			w := f.s.NewPack(f.ctx, f.id)
			defer w.Abort()
			tree, err := f.open().EditTree(f.ctx, w, hub.OID{}, []gitstore.Edit{{Path: "lost", Mode: git.ModeFile, OID: hub.OID{1}}})
			f.ok(err)
			who := git.Signature{Name: "C", Email: "c@x", When: time.Unix(1, 0)}
			commit, err := w.AddBytes(git.KindCommit, (&git.Commit{Tree: tree, Author: who, Committer: who, Message: "m\n"}).Encode())
			f.ok(err)
			p, err := w.Finish(f.ctx)
			f.ok(err)
			f.ok(f.s.Publish(f.ctx, f.id, []*gitstore.Pack{p}, []gitstore.RefUpdate{{Name: main, New: commit}}, func(*db.Tx) error { return nil }))
			none := func(path string, _ *git.Pointer) { t.Errorf("%q is a large file", path) }
			for what, oid := range map[string]hub.OID{"a tip": {2}, "a blob": commit} {
				if err := f.open().LargeFiles(f.ctx, []hub.OID{oid}, none); !errs.Is(err, errs.NotFound) {
					t.Errorf("%s is missing, of the files: %v", what, err)
				}
				if err := f.open().LargeHistory(f.ctx, []hub.OID{oid}, none); !errs.Is(err, errs.NotFound) {
					t.Errorf("%s is missing, of the history: %v", what, err)
				}
			}
		})
	})
}
