package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/release"
	"github.com/cairnhub/cairn/internal/testhub"
)

// keeping makes a model that keeps some versions, with versions of a large file, and gives their commits.
func keeping(h *testhub.Hub, c testhub.Caller, id string, keep, versions int) (commits []string) {
	h.T.Helper()
	h.CreateRepo(c, hub.Model, id, true)
	if keep > 0 {
		h.JSON(c, "PUT", "/api/models/"+id+"/settings", dict{"lfs_keep_versions": keep}, nil)
	}
	for i := range versions {
		commits = append(commits, addLarge(h, c, id, "main", "w.bin", version(id, i+1)))
	}
	return commits
}

func version(id string, n int) string { return babble(uint64(len(id)*1000+n), 20_000+n) }

func holds(h *testhub.Hub, c testhub.Caller, id, text string) bool {
	h.T.Helper()
	return slices.ContainsFunc(largeList(h, c, id, ""), func(f largeItem) bool { return f.Oid == shaOf(text) })
}

// releaseAfter runs the schedule as it would run after a time from now on.
func releaseAfter(h *testhub.Hub, d time.Duration) release.Released {
	h.T.Helper()
	h.App.Release().Now = func() time.Time { return time.Now().Add(d) }
	done, err := h.App.Release().All(h.T.Context())
	if err != nil {
		h.T.Fatal(err)
	}
	return done
}

type releasePlan struct {
	KeepVersions, Count int
	Acts                bool
	GraceSeconds        int64
	Bytes, DueBytes     int64
	Versions            []struct {
		Path, Oid, Since string
		Size             int64
		Due              bool
	}
}

// Of each path the newest versions stay, and whatever a ref, another path, another repository or an upload without a commit
// still needs; the rest goes after the grace period, and says so.
func TestKeepVersionsGivesUpOldOnes(t *testing.T) {
	const week = 7 * 24 * time.Hour
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		const id = "alice/kept"
		commits := keeping(h, alice, id, 2, 7)
		v := func(n int) string { return version(id, n) }
		ok[dict](t, "branch", post(h, alice, "/api/models/"+id+"/branch/old", dict{"startingPoint": commits[2]}))
		ok[dict](t, "tag", post(h, alice, "/api/models/"+id+"/tag/"+commits[1], dict{"tag": "v2"}))
		for _, text := range []string{v(4), "x2"} { // the fourth is the newest but one of another path
			addLarge(h, alice, id, "main", "other.bin", text+strings.Repeat(" ", 1))
		}
		addLarge(h, alice, id, "main", "moved.bin", v(4))
		addLarge(h, alice, id, "main", "moved.bin", "newer"+v(4))
		upload(h, alice, id, "no commit yet")
		ok[dict](t, "duplicate", post(h, alice, "/api/models/"+id+"/duplicate", dict{"repository": "alice/copy", "private": true}))
		plain := keeping(h, alice, "alice/plain", 0, 7)

		want := []string{v(1), v(5)}
		plan := func() releasePlan {
			t.Helper()
			p := ok[releasePlan](t, "plan", get(h, alice, "/api/models/"+id+"/lfs-files/release"))
			if p.KeepVersions != 2 || !p.Acts || p.Count != len(want) || len(p.Versions) != len(want) || p.Bytes != int64(len(v(1))+len(v(5))) || p.GraceSeconds != 604800 {
				t.Fatalf("plan: %+v", p)
			}
			for _, f := range p.Versions {
				if f.Path != "w.bin" || f.Oid != shaOf(v(1)) && f.Oid != shaOf(v(5)) {
					t.Errorf("plan: %+v", f)
				}
			}
			return p
		}
		if p := plan(); p.DueBytes != 0 { // the hub's own schedule may have looked
			t.Errorf("nothing is due yet: %+v", p)
		}
		for _, d := range []time.Duration{0, week - time.Hour} {
			if done := releaseAfter(h, d); done.Files != 0 {
				t.Errorf("after %v: %+v", d, done)
			}
		}
		h.App.Release().Now = func() time.Time { return time.Now().Add(week + time.Hour) }
		if p := plan(); p.DueBytes != p.Bytes || !p.Versions[0].Due || p.Versions[0].Since == "" {
			t.Errorf("due: %+v", p)
		}
		before := usage(h, "alice").Private.Used
		if done := releaseAfter(h, week+time.Hour); done.Files != 2 || done.Repos != 1 || done.Bytes != int64(len(v(1))+len(v(5))) {
			t.Errorf("given up: %+v", done)
		}
		if freed := before - usage(h, "alice").Private.Used; freed != int64(len(v(1))+len(v(5))) {
			t.Errorf("%d bytes less are counted", freed)
		}
		exact(h, "after the release")
		if done := releaseAfter(h, week+2*time.Hour); done.Files != 0 {
			t.Errorf("again: %+v", done)
		}
		for n := 1; n <= 7; n++ {
			if got := holds(h, alice, id, v(n)); got == (n == 1 || n == 5) {
				t.Errorf("version %d is there: %v", n, got)
			}
			if !holds(h, alice, "alice/copy", v(n)) || !holds(h, alice, "alice/plain", version("alice/plain", n)) {
				t.Errorf("version %d is gone from a repository that said nothing", n)
			}
		}
		for rev, text := range map[string]string{"main": v(7), "old": v(3), "v2": v(2), commits[3]: v(4), commits[5]: v(6)} {
			if read(h, alice, id, rev, "w.bin") != text {
				t.Errorf("%s is not what it was", rev)
			}
		}
		if !holds(h, alice, id, "no commit yet") || read(h, alice, "alice/copy", commits[0], "w.bin") != v(1) || read(h, alice, "alice/plain", plain[0], "w.bin") == "" {
			t.Error("too much went")
		}
		refused(t, "what was given up", get(h, alice, "/"+id+"/resolve/"+commits[0]+"/w.bin"), http.StatusNotFound, "EntryNotFound", "pointer")
		logged := released(h, id)
		if len(logged) != 1 || !strings.Contains(logged[0], shaOf(v(1))) || !strings.Contains(logged[0], shaOf(v(5))) || strings.Contains(logged[0], shaOf(v(3))) {
			t.Errorf("events: %v", logged)
		}

		// It comes back when it is sent again.
		addLarge(h, alice, id, "main", "w.bin", v(1))
		if read(h, alice, id, "main", "w.bin") != v(1) || read(h, alice, id, commits[0], "w.bin") != v(1) {
			t.Error("a version that was sent again is not there")
		}
	})
}

// released is the data of the events about versions that a repository gave up.
func released(h *testhub.Hub, id string) (data []string) {
	h.T.Helper()
	for _, e := range events(h, id) {
		if e.Kind == "repo.large.release" {
			data = append(data, fmt.Sprintf("%s", e.Data))
		}
	}
	return data
}

// events are all of a repository, in their order, also those that PostgreSQL still holds back from readers.
func events(h *testhub.Hub, id string) (out []event.Event) {
	h.T.Helper()
	r, err := h.App.Repo(h.T.Context(), id)
	if err != nil {
		h.T.Fatal(err)
	}
	var rows []struct{ Kind, Data string }
	if err := h.App.DB().Select(h.T.Context(), &rows, "SELECT kind, data FROM event WHERE repo_id = ? ORDER BY id", r.RowID); err != nil {
		h.T.Fatal(err)
	}
	for _, row := range rows {
		out = append(out, event.Event{Kind: row.Kind, Data: []byte(row.Data)})
	}
	return out
}

// Squashed and forced away versions are older versions, too; a setting that is taken back stops it.
func TestKeepVersionsAfterASquash(t *testing.T) {
	h := testhub.New(t)
	alice := h.Member("alice", false)
	const id = "alice/m"
	keeping(h, alice, id, 2, 5)
	ok[dict](t, "squash", post(h, alice, "/api/models/"+id+"/super-squash/main", dict{"message": "one"}))
	releaseAfter(h, 0)
	h.JSON(alice, "PUT", "/api/models/"+id+"/settings", dict{"lfs_keep_versions": nil}, nil)
	if done := releaseAfter(h, 8*24*time.Hour); done.Files != 0 {
		t.Errorf("without the setting: %+v", done)
	}
	h.JSON(alice, "PUT", "/api/models/"+id+"/settings", dict{"lfs_keep_versions": 2}, nil)
	if done := releaseAfter(h, 9*24*time.Hour); done.Files != 0 {
		t.Errorf("set again, the week does not begin anew: %+v", done)
	}
	if done := releaseAfter(h, 17*24*time.Hour); done.Files != 3 {
		t.Errorf("given up: %+v", done)
	}
	for n := 1; n <= 5; n++ {
		if got := holds(h, alice, id, version(id, n)); got != (n >= 4) {
			t.Errorf("version %d is there: %v", n, got)
		}
	}
	h.App.Release().Mode = release.All
	keeping(h, alice, "alice/plain", 0, 7)
	releaseAfter(h, 9*24*time.Hour)
	if done := releaseAfter(h, 20*24*time.Hour); done.Files != 2 {
		t.Errorf("by the server's default of five: %+v", done)
	}
	h.App.Release().Mode = release.Off
	if done := releaseAfter(h, 90*24*time.Hour); done.Files != 0 {
		t.Errorf("off: %+v", done)
	}
	if n := count(t, h, "release_candidate") + count(t, h, "release_scan"); n != 0 {
		t.Errorf("off: %d notes are kept", n)
	}
	var settings struct {
		Release dict `json:"lfs_release"`
	}
	h.JSON(alice, "GET", "/api/models/"+id+"/settings/lfs", nil, &settings)
	if settings.Release["acts"] != true || settings.Release["mode"] != "configured" {
		t.Errorf("settings: %+v", settings)
	}
}

// A version that somebody is about to send again, or uses and supersedes again, has its week from then on: a commit that
// follows the offer is not refused.
func TestWantedVersionHasItsWeekAgain(t *testing.T) {
	const day = 24 * time.Hour
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		const id = "alice/m"
		v := func(n int) string { return version(id, n) }
		keeping(h, alice, id, 2, 5)
		releaseAfter(h, 0)
		releaseAfter(h, 6*day)     // the hub's own schedule may run at any time, too
		upload(h, alice, id, v(1)) // it is there, and need not be sent
		ok[dict](t, "commit", commit(h, alice, id, header("again"), lfsFile("w.bin", v(2))))
		addLarge(h, alice, id, "main", "w.bin", v(6))
		addLarge(h, alice, id, "main", "w.bin", v(7))
		releaseAfter(h, 8*day)
		for n := 1; n <= 7; n++ {
			if got := holds(h, alice, id, v(n)); got != (n != 3) {
				t.Errorf("after eight days version %d is there: %v", n, got)
			}
		}
		ok[dict](t, "commit after the offer", commit(h, alice, id, header("back"), lfsFile("w.bin", v(1))))
		releaseAfter(h, 16*day)
		for _, n := range []int{1, 2, 3, 4, 5, 7} {
			if got := holds(h, alice, id, v(n)); got != (n == 1 || n == 7) {
				t.Errorf("version %d is there: %v", n, got)
			}
		}
	})
}

// A number that was set when it had no effect deletes nothing after an upgrade: it acts once it is set again, and a change of
// the number begins the week anew.
func TestKeepVersionsOfBeforeItActed(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		const id = "alice/m"
		keeping(h, alice, id, 2, 4)
		releaseAfter(h, 0)
		err := h.App.DB().Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE repo SET lfs_keep_since = NULL")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []time.Duration{0, 30 * 24 * time.Hour, 60 * 24 * time.Hour} {
			if done := releaseAfter(h, d); done.Files != 0 {
				t.Errorf("after %v: %+v", d, done)
			}
		}
		settings := func() (acts any) {
			var s struct {
				Keep    int  `json:"lfs_keep_versions"`
				Release dict `json:"lfs_release"`
			}
			h.JSON(alice, "GET", "/api/models/"+id+"/settings/lfs", nil, &s)
			if s.Keep != 2 {
				t.Errorf("settings: %+v", s)
			}
			return s.Release["acts"]
		}
		if p := ok[releasePlan](t, "plan", get(h, alice, "/api/models/"+id+"/lfs-files/release")); p.Acts || p.Count != 2 || settings() != false {
			t.Errorf("plan: %+v, %v", p, settings())
		}
		h.JSON(alice, "PUT", "/api/models/"+id+"/settings", dict{"lfs_threshold_bytes": 2_000_000}, nil)
		if settings() != false {
			t.Error("another setting makes it act")
		}
		releaseAfter(h, 0) // before the hub's own schedule may note anything
		h.JSON(alice, "PUT", "/api/models/"+id+"/settings", dict{"lfs_keep_versions": 2}, nil)
		releaseAfter(h, 0)
		if done := releaseAfter(h, 8*24*time.Hour); done.Files != 2 || settings() != true {
			t.Errorf("set again: %+v", done)
		}
	})
}

// A version that was deleted takes no place among the newest: those that there are stay.
func TestDeletedVersionsDoNotCountAsKept(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		const id = "alice/m"
		keeping(h, alice, id, 2, 5)
		ok[dict](t, "delete", removeLarge(h, alice, id, false, shaOf(version(id, 3)), shaOf(version(id, 4))))
		h.App.Release().Grace = 0
		releaseAfter(h, 0)
		if !holds(h, alice, id, version(id, 2)) || holds(h, alice, id, version(id, 1)) {
			t.Error("not the second stays beside the fifth")
		}
	})
}

// A copy gives up nothing until somebody says so of it.
func TestDuplicateKeepsAllVersions(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		keeping(h, alice, "alice/m", 2, 4)
		ok[dict](t, "duplicate", post(h, alice, "/api/models/alice/m/duplicate", dict{"repository": "alice/copy"}))
		h.App.Release().Grace = 0
		releaseAfter(h, 0)
		for n := 1; n <= 4; n++ {
			if !holds(h, alice, "alice/copy", version("alice/m", n)) || holds(h, alice, "alice/m", version("alice/m", n)) != (n > 2) {
				t.Errorf("version %d", n)
			}
		}
	})
}

// A branch that names an old version, and a commit that takes one up again, race with its release: what a ref was given
// before the release keeps its file, and a commit that was taken has its file.
func TestKeepVersionsRacesWithRefs(t *testing.T) {
	run := func(t *testing.T, h *testhub.Hub, rounds int) {
		alice := h.Member("alice", false)
		h.App.Release().Grace = 0
		gone := 0
		for i := range rounds {
			id := fmt.Sprintf("alice/r%d", i)
			commits := keeping(h, alice, id, 2, 4)
			r, err := h.App.Repo(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			var took testhub.Answer
			all.Go(func() {
				if _, err := h.App.Release().Repo(t.Context(), r.RowID); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if a := post(h, alice, "/api/models/"+id+"/branch/old", dict{"startingPoint": commits[0]}); a.Status != http.StatusOK {
					t.Errorf("branch: %d %s", a.Status, a.Body)
				}
			})
			all.Go(func() { took = commit(h, alice, id, header("back"), lfsFile("w.bin", version(id, 2))) })
			all.Wait()
			if took.Status == http.StatusOK && read(h, alice, id, "main", "w.bin") != version(id, 2) {
				t.Error("a commit was taken whose file is gone")
			}
			if took.Status != http.StatusOK && took.Status != http.StatusBadRequest {
				t.Errorf("commit: %d %s", took.Status, took.Body)
			}
			there := holds(h, alice, id, version(id, 1))
			if !there {
				gone++
			}
			if h.App.DB().Dialect() == db.SQLite { // its events have the order of their transactions
				var kinds []string
				for _, e := range events(h, id) {
					if e.Kind == "repo.branch.create" || e.Kind == "repo.large.release" && strings.Contains(fmt.Sprintf("%s", e.Data), shaOf(version(id, 1))) {
						kinds = append(kinds, e.Kind)
					}
				}
				if want := []string{"repo.large.release", "repo.branch.create"}; !there && !slices.Equal(kinds, want) || there && len(kinds) != 1 {
					t.Errorf("the first version is there: %v, after %v", there, kinds)
				}
			}
			if _, err := h.App.Release().Repo(t.Context(), r.RowID); err != nil || there != holds(h, alice, id, version(id, 1)) {
				t.Errorf("what a branch names is given up afterwards: %v", err)
			}
		}
		t.Logf("in %d of %d rounds the release came first", gone, rounds)
		exact(h, "after the races")
	}
	t.Run("sqlite+folder", func(t *testing.T) { run(t, testhub.New(t), 40) })
	t.Run("postgres+s3", func(t *testing.T) { run(t, testhub.NewScaled(t), 15) })
}
