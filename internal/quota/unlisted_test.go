package quota_test

import (
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
)

// counted fails the test unless the repository and its owner are charged so much.
func (w *world) counted(when string, repoBytes int64, want quota.Account) {
	w.Helper()
	u, err := w.quota.OfRepo(w.Context(), w.repo)
	if err != nil || u.Large+u.Packs != repoBytes {
		w.Errorf("%s: the repository takes %+v, %v, want %d", when, u, err, repoBytes)
	}
	a, err := w.quota.Of(w.Context(), account.Owner{ID: w.owner, Kind: account.KindUser})
	if err != nil || a.Private.Used != want.Private.Used || a.Public.Used != want.Public.Used {
		w.Errorf("%s: the owner takes %+v, %v, want %+v", when, a, err, want)
	}
	var used int64
	w.must(w.db.Get(w.Context(), &used, `SELECT used_storage FROM repo WHERE id = ?`, w.repo))
	if used != repoBytes {
		w.Errorf("%s: used_storage is %d, want %d", when, used, repoBytes)
	}
}

func (w *world) recount() quota.Drift {
	w.Helper()
	d, err := w.quota.Recount(w.Context())
	w.must(err)
	return d
}

func public(n int64) quota.Account  { return quota.Account{Public: quota.Share{Used: n}} }
func private(n int64) quota.Account { return quota.Account{Private: quota.Share{Used: n}} }

// A node of an older version makes repositories that quotas have not heard of. They work as others do.
func TestARepositoryThatAnOlderVersionMadeIsCounted(t *testing.T) {
	ways := map[string]func(w *world) error{
		"an upload": func(w *world) error {
			w.large[w.repo] += 7
			return w.tx(func(tx *db.Tx) error { w.quota.GrowLarge(w.Context(), tx, w.repo, 7); return nil })
		},
		"upkeep": func(w *world) error {
			w.packs[w.repo] += 7
			return w.tx(func(tx *db.Tx) error { w.quota.GrowPacks(w.Context(), tx, w.repo, 7, true); return nil })
		},
		"a quota of its own": func(w *world) error {
			w.packs[w.repo] += 7
			limit := int64(1000)
			return w.quota.SetRepo(w.Context(), hub.Actor{}, w.repo, &limit)
		},
		"the recount": func(w *world) error {
			w.packs[w.repo] += 7
			if d := w.recount(); d.WrongRepos != 1 || d.Bytes != 107 {
				w.Errorf("it found %+v", d)
			}
			return nil
		},
	}
	for what, way := range ways {
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			w := newWorld(t, d)
			w.packs[w.repo] = 100
			if u, err := w.quota.OfRepo(t.Context(), w.repo); err != nil || u.Packs != 100 {
				t.Errorf("before %s: %+v, %v", what, u, err)
			}
			w.must(way(w))
			w.counted(what, 107, public(107))
			if d := w.recount(); d.Found() {
				t.Errorf("after %s a recount finds %+v", what, d)
			}
		})
	}
}

func TestARepositoryThatAnOlderVersionMadeIsHeldToItsQuota(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.def.UserPublic, w.packs[w.repo] = 106, 107
		err := w.tx(func(tx *db.Tx) error { w.quota.GrowPacks(t.Context(), tx, w.repo, 7, false); return nil })
		if errs.KindOf(err) != errs.PaymentRequired {
			t.Errorf("an upload over the quota: %v", err)
		}
	})
}

// A node of an older version moves repositories and makes them private without telling quotas.
func TestARecountFollowsWhatAnOlderVersionMoved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.packs[w.repo] = 100
		w.must(w.quota.SetRepo(t.Context(), hub.Actor{}, w.repo, nil))
		w.exec(`UPDATE repo SET visibility = 'private' WHERE id = ?`, w.repo)
		if d := w.recount(); d.WrongRepos != 1 {
			t.Errorf("a recount finds %+v", d)
		}
		w.counted("made private", 100, private(100))
		w.packs[w.repo] = 105
		w.exec(`UPDATE repo SET visibility = 'public' WHERE id = ?`, w.repo)
		w.must(w.tx(func(tx *db.Tx) error {
			w.quota.Place(t.Context(), tx, w.repo, w.owner, false)
			w.quota.GrowPacks(t.Context(), tx, w.repo, 5, false)
			return nil
		}))
		w.counted("made public", 105, public(105))
		if d := w.recount(); d.Found() {
			t.Errorf("at the end a recount finds %+v", d)
		}
	})
}

// What a repository without a row takes goes along when it moves.
func TestARepositoryThatAnOlderVersionMadeMovesWithItsBytes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.packs[w.repo] = 100
		w.exec(`UPDATE repo SET visibility = 'private' WHERE id = ?`, w.repo)
		w.must(w.tx(func(tx *db.Tx) error { w.quota.Place(t.Context(), tx, w.repo, w.owner, true); return nil }))
		w.counted("made private", 100, private(100))
	})
}

func TestWhatIsSentToADeletedRepositoryIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		err := w.tx(func(tx *db.Tx) error { w.quota.GrowLarge(t.Context(), tx, hub.NewID(), 7); return nil })
		if errs.KindOf(err) != errs.NotFound {
			t.Errorf("%v", err)
		}
		limit := int64(7)
		if err := w.quota.SetRepo(t.Context(), hub.Actor{}, hub.NewID(), &limit); errs.KindOf(err) != errs.NotFound {
			t.Errorf("its quota: %v", err)
		}
	})
}

// The default holds for whoever has stored nothing yet.
func TestRoomIsCheckedBeforeAnOwnersFirstByte(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, kind := range []account.Kind{account.KindUser, account.KindOrg} {
			w := newWorld(t, d)
			w.exec(`UPDATE namespace SET kind = ? WHERE owner_id = ?`, string(kind), w.owner)
			w.must(w.tx(func(tx *db.Tx) error { w.quota.PlaceNew(t.Context(), tx, w.repo, w.owner, false); return nil }))
			w.def.OrgPublic, w.def.UserPublic = 10, 20
			limit := map[account.Kind]int64{account.KindUser: 20, account.KindOrg: 10}[kind]
			if err := w.quota.Room(t.Context(), w.repo, limit); err != nil {
				t.Errorf("%s: there is room for all of it: %v", kind, err)
			}
			if err := w.quota.Room(t.Context(), w.repo, limit+1); errs.KindOf(err) != errs.PaymentRequired {
				t.Errorf("%s: a byte too many: %v", kind, err)
			}
			w.exec(`DELETE FROM namespace`)
			w.exec(`DELETE FROM users`)
		}
	})
}
