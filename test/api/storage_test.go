package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type storageItem struct {
	ID, Type, UpdatedAt, Visibility string
	Storage                         int64
	StoragePercent                  float64
}

// The report of what takes space is exact, pages whole, and is for nobody but the owner's own.
func TestStorageReport(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob, root := h.Member("alice", false), h.Member("bob", false), h.Admin
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		for i := range 5 {
			h.CreateRepo(alice, hub.RepoTypes[i%2], fmt.Sprintf("alice/Thing%d", i), i%2 == 0)
			h.CreateRepo(alice, hub.Model, fmt.Sprintf("acme/thing%d", i), true)
		}
		addLarge(h, alice, "alice/Thing2", "main", "w.bin", babble(1, 100_000))
		all := ok[[]storageItem](t, "all", get(h, alice, "/api/settings/repositories"))
		if len(all) != 5 || all[0].ID != "alice/Thing2" || all[0].Storage < 100_000 || all[0].StoragePercent < 80 || all[0].Visibility != "private" {
			t.Fatalf("all: %+v", all)
		}
		var sum int64
		var percent float64
		for _, s := range all {
			sum, percent = sum+s.Storage, percent+s.StoragePercent
		}
		if uses := usage(h, "alice"); sum != uses.Private.Used+uses.Public.Used || percent < 99.99 || percent > 100.01 {
			t.Errorf("a sum of %d, %f percent; %+v are used", sum, percent, uses)
		}
		for _, order := range []string{"?sort=storage&direction=asc", "?sort=storage", "?sort=updatedAt", "?sort=updatedAt&direction=asc"} {
			want := ok[[]storageItem](t, order, get(h, alice, "/api/settings/repositories"+order))
			var got []storageItem
			for next := "/api/settings/repositories" + order + "&limit=2"; next != ""; {
				a := get(h, alice, next)
				got = append(got, ok[[]storageItem](t, next, a)...)
				link, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
				next = strings.TrimPrefix(link, h.URL)
			}
			if !slices.Equal(got, want) || len(got) != 5 {
				t.Errorf("%s: pages give %+v, want %+v", order, got, want)
			}
		}
		for query, n := range map[string]int{"?search=thing2": 1, "?search=THING": 5, "?search=%25": 0, "?search=alice": 0, "?type=dataset": 2, "?type=bucket": 0} {
			if got := ok[[]storageItem](t, query, get(h, alice, "/api/settings/repositories"+query)); len(got) != n {
				t.Errorf("%s: %+v", query, got)
			}
		}
		for _, bad := range []string{"?sort=name", "?direction=up", "?type=thing", "?limit=0", "?cursor=abc"} {
			refused(t, bad, get(h, alice, "/api/settings/repositories"+bad), http.StatusBadRequest, "")
		}
		for who, status := range map[testhub.Caller]int{alice: 200, root: 200, bob: 403, nobody: 401} {
			if a := get(h, who, "/api/organizations/acme/settings/repositories"); a.Status != status {
				t.Errorf("%s: %d %s", who.Name, a.Status, a.Body)
			}
		}
		if got := ok[[]storageItem](t, "bob", get(h, bob, "/api/settings/repositories")); len(got) != 0 {
			t.Errorf("bob sees %+v", got)
		}
	})
}

// What uses the space is told by owner, repository, file and range of revisions; what is shared, about the owner alone.
func TestWhatUsesTheSpace(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.Member("alice", false), h.Member("bob", false)
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleRead})
		one, two, three := babble(1, 300_000), babble(2, 200_000), babble(3, 100_000)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		h.CreateRepo(bob, hub.Model, "bob/m", true)
		addLarge(h, bob, "bob/m", "main", "w.bin", one) // what a stranger has makes no difference
		c1 := addLarge(h, alice, "alice/m", "main", "w.bin", one)
		c2 := addLarge(h, alice, "alice/m", "main", "w.bin", two)
		addLarge(h, alice, "alice/m", "main", "v.bin", three)
		ok[dict](t, "duplicate", post(h, alice, "/api/models/alice/m/duplicate", dict{"repository": "acme/m", "private": false}))
		ok[dict](t, "duplicate", post(h, alice, "/api/models/alice/m/duplicate", dict{"repository": "alice/again", "private": true}))
		limit(h, "alice", 1000, 2000)

		type share struct {
			Used  int64
			Limit *int64
			Own   bool
		}
		type account struct {
			Private, Public share
			Sharing         *struct{ Files, Chunks int64 }
		}
		uses := usage(h, "alice")
		got := ok[account](t, "quota", get(h, alice, "/api/users/alice/quota"))
		if got.Private.Used != uses.Private.Used || got.Private.Limit == nil || *got.Private.Limit != uses.Private.Limit || !got.Private.Own || got.Sharing != nil {
			t.Errorf("quota: %+v, want %+v", got, uses)
		}
		got = ok[account](t, "quota", get(h, alice, "/api/users/alice/quota?sharing=true"))
		if got.Sharing == nil || got.Sharing.Files != 600_000 || got.Sharing.Chunks != 600_000 || got.Private.Used < 1_200_000 {
			t.Errorf("sharing: %+v %+v", got, got.Sharing)
		}
		org := ok[account](t, "quota", get(h, bob, "/api/organizations/acme/quota?sharing=true"))
		if org.Public.Used < 600_000 || org.Public.Limit != nil || org.Public.Own || org.Private.Used != 0 || org.Sharing.Files != 600_000 {
			t.Errorf("of an organisation: %+v", org)
		}
		if a := get(h, bob, "/api/users/alice/quota"); a.Status != http.StatusForbidden {
			t.Errorf("of a stranger: %d %s", a.Status, a.Body)
		}

		storage := ok[struct{ Used, Large, Git int64 }](t, "storage", get(h, alice, "/api/models/alice/m/storage"))
		if storage.Large != 600_000 || storage.Git == 0 || storage.Used != storage.Large+storage.Git {
			t.Errorf("storage: %+v", storage)
		}
		var paths []string
		for next := "/api/models/alice/m/storage/files?limit=2"; next != ""; {
			a := get(h, alice, next)
			for _, f := range ok[[]largeItem](t, "files", a) {
				paths = append(paths, fmt.Sprint(f.Filename, f.Size))
			}
			link, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
			next = strings.TrimPrefix(link, h.URL)
		}
		if want := []string{"w.bin300000", "w.bin200000", "v.bin100000"}; !slices.Equal(paths, want) {
			t.Errorf("files: %v", paths)
		}
		refused(t, "cursor", get(h, alice, "/api/models/alice/m/storage/files?cursor=x"), http.StatusBadRequest, "")

		type span struct {
			Rev, Since  string
			Tree, Range struct{ Files, Bytes int64 }
			Largest     []struct {
				Path, Oid string
				Size      int64
			}
		}
		for query, want := range map[string][2]int64{"": {300_000, 600_000}, "?rev=" + c1: {300_000, 300_000}, "?since=" + c1: {300_000, 300_000}, "?rev=main&since=" + c2: {300_000, 100_000}, "?since=main": {300_000, 0}} {
			s := ok[span](t, query, get(h, alice, "/api/models/alice/m/storage/revisions"+query))
			if s.Tree.Bytes != want[0] || s.Range.Bytes != want[1] || int(s.Range.Files) != len(s.Largest) {
				t.Errorf("revisions%s: %+v", query, s)
			}
		}
		refused(t, "revision", get(h, alice, "/api/models/alice/m/storage/revisions?rev=none"), http.StatusNotFound, "RevisionNotFound")
		for _, path := range []string{"/storage", "/storage/files", "/storage/revisions"} {
			if a := get(h, bob, "/api/models/acme/m"+path); a.Status != http.StatusForbidden {
				t.Errorf("a reader asks for %s: %d", path, a.Status)
			}
		}
	})
}
