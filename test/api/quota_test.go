package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/site"
	"github.com/cairnhub/cairn/internal/testhub"
)

// ownerOf is the user or organisation of a name.
func ownerOf(h *testhub.Hub, name string) account.Owner {
	h.T.Helper()
	o, err := h.App.Accounts().Namespace(h.T.Context(), nil, name)
	if err != nil {
		h.T.Fatal(err)
	}
	return o
}

// usage is what an owner stores and may.
func usage(h *testhub.Hub, name string) quota.Account {
	h.T.Helper()
	a, err := h.App.Quota().Of(h.T.Context(), ownerOf(h, name))
	if err != nil {
		h.T.Fatal(err)
	}
	return a
}

// limit gives an owner room for so many bytes more, in private and in public repositories.
func limit(h *testhub.Hub, name string, private, public int64) {
	h.T.Helper()
	a := usage(h, name)
	private, public = private+a.Private.Used, public+a.Public.Used
	err := h.App.Quota().SetOwner(h.T.Context(), hub.Actor{}, ownerOf(h, name), quota.Change{SetPrivate: true, Private: &private, SetPublic: true, Public: &public})
	if err != nil {
		h.T.Fatal(err)
	}
}

func limitRepo(h *testhub.Hub, id string, more int64) {
	h.T.Helper()
	r, err := h.App.Repo(h.T.Context(), id)
	if err == nil {
		more += r.UsedStorage
		err = h.App.Quota().SetRepo(h.T.Context(), hub.Actor{}, r.RowID, &more)
	}
	if err != nil {
		h.T.Fatal(err)
	}
}

// exact fails the test if the incremental numbers are not those of a recount.
func exact(h *testhub.Hub, when string) {
	h.T.Helper()
	d, err := h.App.Quota().Recount(h.T.Context())
	if err != nil || d.Found() {
		h.T.Errorf("%s: a recount finds %+v, %v", when, d, err)
	}
}

// S24: parallel uploads and commits against a quota never store more than it allows, what is refused leaves nothing
// counted, and the room that is left is used.
func TestS24NoRaceOvershootsAQuota(t *testing.T) {
	const each, size, room = 50, 20_000, 400_000
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		for i := range 4 {
			h.CreateRepo(alice, hub.Model, fmt.Sprintf("alice/m%d", i), true)
		}
		limit(h, "alice", room, 0)
		before := usage(h, "alice").Private
		var done, over, odd atomic.Int64
		count := func(what string, a testhub.Answer) {
			switch a.Status {
			case http.StatusOK:
				done.Add(1)
			case http.StatusPaymentRequired:
				over.Add(1)
			default:
				odd.Add(1)
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		var ways []func()
		for i := range each {
			id, text := fmt.Sprintf("alice/m%d", i%4), babble(uint64(i), size)
			up, asked := uploadAddress(h, alice, id, text)
			if asked.Status != http.StatusOK {
				t.Fatalf("batch: %d %s", asked.Status, asked.Body)
			}
			ways = append(ways,
				func() { count("upload", h.Do(nobody, "PUT", up, text)) },
				func() {
					count("commit", commit(h, alice, id, header("add"), file(fmt.Sprintf("f%d", i), babble(uint64(1000+i), size))))
				})
		}
		var all sync.WaitGroup
		for _, f := range ways {
			all.Go(f)
		}
		all.Wait()
		after := usage(h, "alice").Private
		if after.Used > after.Limit || after.Used < after.Limit-2*size {
			t.Errorf("%d bytes are stored, the quota is %d", after.Used, after.Limit)
		}
		if over.Load() == 0 || done.Load() < room/size/2 || odd.Load() > 0 {
			t.Errorf("%d went through, %d were refused, %d failed otherwise", done.Load(), over.Load(), odd.Load())
		}
		t.Logf("%d went through, %d were refused; %d of %d bytes, %d before", done.Load(), over.Load(), after.Used, after.Limit, before.Used)
		exact(h, "after the race")
	})
}

// babble is text that no compression makes shorter than about two thirds.
func babble(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"[r.IntN(64)]
	}
	return string(b)
}

// uploadAddress asks where to send a large file.
func uploadAddress(h *testhub.Hub, c testhub.Caller, id, text string) (path string, a testhub.Answer) {
	a = h.Do(c, "POST", "/"+id+".git/info/lfs/objects/batch", dict{"operation": "upload", "transfers": []string{"basic"}, "objects": []dict{{"oid": shaOf(text), "size": len(text)}}},
		"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
	if a.Status != http.StatusOK {
		return "", a
	}
	b := must[struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}](h.T.(*testing.T), a.Body)
	return strings.TrimPrefix(b.Objects[0].Actions["upload"].Href, h.URL), a
}

// Every door that lets bytes in says which quota is used up, and counts nothing of what it refused.
func TestEveryDoorKeepsToTheQuota(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		text, small := babble(1, 300_000), babble(2, 3000)
		for id, private := range map[string]bool{"alice/full": true, "alice/open": false} {
			h.CreateRepo(alice, hub.Model, id, private)
		}
		addLarge(h, alice, "alice/open", "main", "w.bin", text)
		h.Org("acme", alice, nil)
		h.CreateRepo(alice, hub.Model, "acme/there", true)
		up, _ := uploadAddress(h, alice, "alice/full", small)
		limit(h, "alice", 2500, 1_000_000)
		limit(h, "acme", 2500, 2500)
		exact(h, "before")
		want := usage(h, "alice")
		owner := func(what string, a testhub.Answer) {
			t.Helper()
			refused(t, what, a, http.StatusPaymentRequired, "", "storage quota of", "private repositories", "administrator")
		}
		_, batch := uploadAddress(h, alice, "alice/full", small)
		if batch.Status != http.StatusPaymentRequired || !strings.Contains(string(batch.Body), "of alice for private repositories") {
			t.Errorf("batch: %d %s", batch.Status, batch.Body)
		}
		if a := h.Do(nobody, "PUT", up, small); a.Status != http.StatusPaymentRequired {
			t.Errorf("upload: %d %s", a.Status, a.Body)
		}
		owner("commit", commit(h, alice, "alice/full", header("add"), file("f", small)))
		owner("preupload", post(h, alice, "/api/models/alice/full/preupload/main", dict{"files": []dict{{"path": "w.safetensors", "size": 5000, "sample": ""}}}))
		refused(t, "move", post(h, alice, "/api/repos/move", dict{"fromRepo": "alice/open", "toRepo": "acme/open", "type": "model"}), http.StatusPaymentRequired, "", "storage quota of acme for public repositories")
		refused(t, "visibility", h.Do(alice, "PUT", "/api/models/alice/open/settings", dict{"private": true}), http.StatusBadRequest, "", "storage quota of", "private repositories", "administrator")
		owner("duplicate", post(h, alice, "/api/models/alice/open/duplicate", dict{"repository": "alice/again", "private": true}))
		item := largeList(h, alice, "alice/open", "?xet=true")[0]
		owner("copy", copyModel(h, alice, "alice/open", "alice/full", dict{"xetHash": item.XetHash, "sha256": item.Oid}))
		if got := usage(h, "alice"); got.Private.Used != want.Private.Used || got.Public.Used != want.Public.Used {
			t.Errorf("refused, and counted: %+v, before %+v", got, want)
		}
		exact(h, "after the refusals")
		token := ok[struct{ CasURL, AccessToken string }](t, "token", get(h, alice, "/api/models/alice/full/xet-write-token/main")).AccessToken
		limit(h, "alice", 0, 1_000_000)
		owner("token", get(h, alice, "/api/models/alice/full/xet-write-token/main"))
		owner("create", post(h, alice, "/api/repos/create", dict{"name": "another", "type": "model", "private": true}))
		if a := h.Do(testhub.Caller{Token: token}, "POST", "/v1/xorbs/default/"+shaOf("x"), "x"); a.Status != http.StatusPaymentRequired {
			t.Errorf("xorb: %d %s", a.Status, a.Body)
		}

		limitRepo(h, "alice/open", 1000)
		refused(t, "a repository's quota", commit(h, alice, "alice/open", header("add"), file("f", small)), http.StatusRequestEntityTooLarge, "", "The repository may take", "administrator")
		if a := commit(h, alice, "alice/open", header("add"), file("f", "x")); a.Status != http.StatusOK {
			t.Errorf("what there is room for: %d %s", a.Status, a.Body)
		}
		if a := post(h, alice, "/api/models/alice/open/super-squash/main", dict{"message": "one"}); a.Status != http.StatusOK {
			t.Errorf("a squash frees space: %d %s", a.Status, a.Body)
		}
		if a := removeLarge(h, alice, "alice/open", true, shaOf(text)); a.Status != http.StatusOK {
			t.Errorf("a deletion frees space: %d %s", a.Status, a.Body)
		}
		if got := usage(h, "alice").Public.Used; got > 20_000 {
			t.Errorf("%d bytes are left of a deleted file", got)
		}
		exact(h, "after what was freed")
	})
}

// Bytes that the repository has cost nothing: a full account may send them again.
func TestWhatIsThereFitsInAFullQuota(t *testing.T) {
	h := testhub.New(t)
	alice := h.Member("alice", false)
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	text := babble(1, 300_000)
	addLarge(h, alice, "alice/m", "main", "w.bin", text)
	limit(h, "alice", 0, 5000)
	if _, a := uploadAddress(h, alice, "alice/m", text); a.Status != http.StatusOK {
		t.Errorf("batch: %d %s", a.Status, a.Body)
	}
	if a := post(h, alice, "/api/models/alice/m/preupload/main", dict{"files": []dict{{"path": "again.bin", "size": len(text), "sample": ""}}}); a.Status != http.StatusOK {
		t.Errorf("preupload: %d %s", a.Status, a.Body)
	}
	if a := commit(h, alice, "alice/m", header("again"), lfsFile("again.bin", text)); a.Status != http.StatusOK {
		t.Errorf("commit: %d %s", a.Status, a.Body)
	}
	exact(h, "after")
}

// The numbers that transactions keep are those that a recount finds, whatever happens in whatever order.
func TestUsageIsExactAfterRandomOperations(t *testing.T) {
	run := func(t *testing.T, h *testhub.Hub, steps int) {
		w := newRandomWorld(h)
		for i := range steps {
			w.step()
			if i%500 == 499 {
				exact(h, fmt.Sprintf("after %d operations", i+1))
			}
		}
		exact(h, "at the end")
		t.Logf("%d operations, answers by status: %v", steps, w.statuses)
		if w.statuses[http.StatusOK] < steps/3 || w.statuses[http.StatusPaymentRequired] == 0 {
			t.Error("too little went through, or no quota was met")
		}
	}
	t.Run("sqlite+folder", func(t *testing.T) { run(t, testhub.New(t), 2000) })
	t.Run("postgres+s3", func(t *testing.T) { run(t, testhub.NewScaled(t), 300) })
}

type randomWorld struct {
	h        *testhub.Hub
	r        *rand.Rand
	alice    testhub.Caller
	repos    []string
	next     int
	statuses map[int]int
}

func newRandomWorld(h *testhub.Hub) *randomWorld {
	w := &randomWorld{h: h, r: rand.New(rand.NewPCG(7, 7)), alice: h.Member("alice", false), statuses: map[int]int{}}
	h.Org("acme", w.alice, nil)
	limit(h, "acme", 1_500_000, 1_500_000)
	limit(h, "alice", 3_000_000, 3_000_000)
	return w
}

func (w *randomWorld) name() string {
	w.next++
	return fmt.Sprintf("%s/r%d", []string{"alice", "acme"}[w.r.IntN(2)], w.next)
}

func (w *randomWorld) any() string { return w.repos[w.r.IntN(len(w.repos))] }

// blob is one of few contents, so that repositories have the same.
func (w *randomWorld) blob() string { n := w.r.IntN(40); return babble(uint64(n), 1000+n*5000) }

func (w *randomWorld) add(id string, a testhub.Answer) testhub.Answer {
	if a.Status == http.StatusOK {
		w.repos = append(w.repos, id)
	}
	return a
}

func (w *randomWorld) step() {
	n := w.r.IntN(100)
	if len(w.repos) == 0 {
		n = 0
	}
	w.statuses[w.do(n).Status]++
}

func (w *randomWorld) do(n int) testhub.Answer {
	h, t := w.h, w.h.T.(*testing.T)
	t.Helper()
	switch {
	case n < 8 && len(w.repos) < 30:
		id := w.name()
		ns, name, _ := strings.Cut(id, "/")
		return w.add(id, post(h, w.alice, "/api/repos/create", dict{"name": name, "organization": ns, "type": "model", "private": w.r.IntN(2) == 0}))
	case n < 35:
		return commit(h, w.alice, w.any(), header("add"), file(fmt.Sprintf("f%d", w.r.IntN(9)), babble(w.r.Uint64(), w.r.IntN(3000))))
	case n < 65:
		return w.upload(w.any(), w.blob())
	case n < 70:
		return w.removeOne(w.any(), w.r.IntN(3) == 0)
	case n < 76:
		return w.copyOne(w.any(), w.any())
	case n < 82:
		return h.Do(w.alice, "PUT", "/api/models/"+w.any()+"/settings", dict{"private": w.r.IntN(2) == 0})
	case n < 86:
		i, to := w.r.IntN(len(w.repos)), w.name()
		a := post(h, w.alice, "/api/repos/move", dict{"fromRepo": w.repos[i], "toRepo": to, "type": "model"})
		if a.Status == http.StatusOK {
			w.repos[i] = to
		}
		return a
	case n < 91 && len(w.repos) < 30:
		id := w.name()
		return w.add(id, post(h, w.alice, "/api/models/"+w.any()+"/duplicate", dict{"repository": id}))
	case n < 94:
		i := w.r.IntN(len(w.repos))
		ns, name, _ := strings.Cut(w.repos[i], "/")
		a := h.Do(w.alice, "DELETE", "/api/repos/delete", dict{"name": name, "organization": ns, "type": "model"})
		w.repos = slices.Delete(w.repos, i, i+1)
		return a
	case n < 97:
		return post(h, w.alice, "/api/models/"+w.any()+"/super-squash/main", dict{"message": "one"})
	default:
		if _, err := h.App.Content().Tidy(t.Context(), content.Keep{}); err != nil {
			t.Error(err)
		}
		return testhub.Answer{Status: http.StatusOK}
	}
}

func (w *randomWorld) upload(id, text string) testhub.Answer {
	up, a := uploadAddress(w.h, w.alice, id, text)
	if a.Status != http.StatusOK {
		return a
	}
	if up != "" {
		if a := w.h.Do(nobody, "PUT", up, text); a.Status != http.StatusOK {
			return a
		}
	}
	return commit(w.h, w.alice, id, header("add"), lfsFile(fmt.Sprintf("w%d.bin", w.r.IntN(5)), text))
}

func (w *randomWorld) removeOne(id string, rewrite bool) testhub.Answer {
	list := largeList(w.h, w.alice, id, "")
	if len(list) == 0 {
		return testhub.Answer{Status: http.StatusNotFound}
	}
	return removeLarge(w.h, w.alice, id, rewrite, list[w.r.IntN(len(list))].FileOid)
}

func (w *randomWorld) copyOne(from, to string) testhub.Answer {
	list := largeList(w.h, w.alice, from, "?xet=true")
	if len(list) == 0 {
		return testhub.Answer{Status: http.StatusNotFound}
	}
	f := list[w.r.IntN(len(list))]
	return copyModel(w.h, w.alice, from, to, dict{"xetHash": f.XetHash, "sha256": f.Oid})
}

// copyModel copies a file of a model into another.
func copyModel(h *testhub.Hub, c testhub.Caller, from, to string, file dict) testhub.Answer {
	return post(h, c, "/api/models/"+from+"/lfs-files/duplicate", dict{"target": dict{"type": "model", "name": to}, "files": []dict{file}})
}

// A hub that ran before there were quotas finds its numbers when it migrates.
func TestMigrationCountsWhatIsThere(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		h.Org("acme", alice, nil)
		for id, private := range map[string]bool{"alice/a": true, "alice/b": false, "acme/c": true} {
			h.CreateRepo(alice, hub.Model, id, private)
			addLarge(h, alice, id, "main", "w.bin", babble(1, 100_000))
		}
		want := map[string]quota.Account{"alice": usage(h, "alice"), "acme": usage(h, "acme")}
		d := h.App.DB()
		text, err := os.ReadFile("../../internal/db/migration/" + string(d.Dialect()) + "/0014_quota.sql")
		if err != nil {
			t.Fatal(err)
		}
		_, fill, ok := strings.Cut(string(text), "\n\nINSERT INTO quota_repo")
		if !ok {
			t.Fatal("the migration fills nothing")
		}
		err = d.Tx(t.Context(), func(tx *db.Tx) error {
			statements := append([]string{"DELETE FROM quota_repo", "DELETE FROM quota_owner", "UPDATE repo SET used_storage = 0"},
				strings.Split("INSERT INTO quota_repo"+strings.TrimSuffix(strings.TrimSpace(fill), ";"), ";")...)
			for _, s := range statements {
				if _, err := tx.Exec(t.Context(), s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		exact(h, "after the migration")
		for name, want := range want {
			if got := usage(h, name); got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
	})
}

// Who has no quota of their own has the hub's, as it is at the time.
func TestDefaultQuotas(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		h.Org("acme", alice, nil)
		for _, id := range []string{"alice/m", "acme/m"} {
			h.CreateRepo(alice, hub.Model, id, true)
		}
		set := func(change func(*site.Settings)) {
			t.Helper()
			if _, err := h.App.Site().Update(t.Context(), func(s *site.Settings) error { change(s); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		try := func(id string, n uint64) int {
			return commit(h, alice, id, header("add"), file(fmt.Sprintf("f%d", n), babble(n, 5000))).Status
		}
		few, many := int64(3000), int64(1_000_000)
		set(func(s *site.Settings) { s.UserQuota.Private, s.OrgQuota.Private = &few, &many })
		if user, org := try("alice/m", 1), try("acme/m", 2); user != http.StatusPaymentRequired || org != http.StatusOK {
			t.Errorf("a user %d, an organisation %d", user, org)
		}
		if err := h.App.Quota().SetOwner(t.Context(), hub.Actor{}, ownerOf(h, "alice"), quota.Change{SetPrivate: true, Private: &many}); err != nil {
			t.Fatal(err)
		}
		if got := try("alice/m", 3); got != http.StatusOK {
			t.Errorf("by a quota of their own: %d", got)
		}
		set(func(s *site.Settings) { s.OrgQuota.Private, s.RepoQuota = nil, &few })
		if got := try("acme/m", 4); got != http.StatusRequestEntityTooLarge {
			t.Errorf("a repository's default: %d", got)
		}
		none := int64(quota.NoLimit)
		r, err := h.App.Repo(t.Context(), "acme/m")
		if err == nil {
			err = h.App.Quota().SetRepo(t.Context(), hub.Actor{}, r.RowID, &none)
		}
		if got := try("acme/m", 5); got != http.StatusOK || err != nil {
			t.Errorf("a repository without a limit: %d, %v", got, err)
		}
	})
}
