package repo_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

func (w *world) readFile(r *repo.Repo, path string) string {
	w.Helper()
	g, err := w.git.OpenAt(ctx, r.RowID, r.PackSeq, r.FoldEpoch)
	w.must(err)
	head, err := hub.ParseOID(r.Head)
	w.must(err)
	c, err := g.Commit(ctx, head)
	w.must(err)
	e, err := g.Entry(ctx, c.Tree, path)
	if errs.Is(err, errs.NotFound) {
		return ""
	}
	w.must(err)
	b, err := g.BlobBytes(ctx, e.OID, 1<<20)
	w.must(err)
	return string(b)
}

func TestCreateMakesOneCommit(t *testing.T) {
	each(t, func(w *world) {
		r, err := w.repos.Create(ctx, w.actor["alice"], repo.NewRepo{
			ID: model("ALICE", "Bert"), License: "apache-2.0", Files: []repo.NewFile{{Path: "a/b/c.txt", Content: []byte("deep")}},
		})
		w.must(err)
		if r.ID().String() != "alice/Bert" || r.Visibility != hub.Public || len(r.Head) != 40 {
			w.Errorf("repo: %+v", r)
		}
		g, err := w.git.Open(ctx, r.RowID)
		w.must(err)
		head, _ := hub.ParseOID(r.Head)
		c, err := g.Commit(ctx, head)
		w.must(err)
		if c.Subject() != "initial commit" || len(c.Parents) != 0 || c.Author.Name != "alice" {
			w.Errorf("commit: %+v", c)
		}
		if s := w.readFile(r, ".gitattributes"); !strings.Contains(s, "*.safetensors filter=lfs diff=lfs merge=lfs -text\n") {
			w.Errorf(".gitattributes: %s", s)
		}
		if s := w.readFile(r, "README.md"); !strings.HasPrefix(s, "---\nlicense: apache-2.0\n---\n") {
			w.Errorf("README.md: %q", s)
		}
		if s := w.readFile(r, "a/b/c.txt"); s != "deep" {
			w.Errorf("a/b/c.txt: %q", s)
		}
		items, _, err := w.repos.List(ctx, hub.Actor{}, repo.Query{Type: hub.Model, Filter: []string{"license:apache-2.0"}})
		w.must(err)
		if len(items) != 1 {
			w.Errorf("the license is not a tag: %v", items)
		}
	})
}

func TestCreateSpaces(t *testing.T) {
	each(t, func(w *world) {
		id := hub.RepoID{Type: hub.Space, Namespace: "bob", Name: "hello-world"}
		_, err := w.repos.Create(ctx, w.actor["bob"], repo.NewRepo{ID: id})
		w.wantKind(err, errs.Invalid, "a space without sdk")
		r := w.create(id, hub.Public)
		if r.SDK != "static" || !strings.Contains(w.readFile(r, "README.md"), "sdk: static") || w.readFile(r, "index.html") == "" || w.readFile(r, "style.css") == "" {
			w.Errorf("space: %+v\n%s", r, w.readFile(r, "README.md"))
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	each(t, func(w *world) {
		w.create(model("alice", "taken"), hub.Private)
		for _, c := range []struct {
			actor string
			n     repo.NewRepo
			kind  errs.Kind
		}{
			{"", repo.NewRepo{ID: model("alice", "x")}, errs.Unauthenticated},
			{"bob", repo.NewRepo{ID: model("alice", "x")}, errs.Forbidden},
			{"bob", repo.NewRepo{ID: model("alice", "taken")}, errs.Forbidden}, // and not a word about what is there
			{"carol", repo.NewRepo{ID: model("acme", "x")}, errs.Forbidden},
			{"alice", repo.NewRepo{ID: model("nobody", "x")}, errs.NotFound},
			{"alice", repo.NewRepo{ID: model("alice", "TAKEN")}, errs.Conflict},
			{"alice", repo.NewRepo{ID: model("alice", "x"), License: "mine"}, errs.Invalid},
			{"alice", repo.NewRepo{ID: model("alice", "x"), Files: []repo.NewFile{{Path: "../x"}}}, errs.Invalid},
			{"alice", repo.NewRepo{ID: model("alice", "x"), Files: []repo.NewFile{{Path: "a"}, {Path: "a/b"}}}, errs.Invalid},
		} {
			_, err := w.repos.Create(ctx, w.actor[c.actor], c.n)
			w.wantKind(err, c.kind, c.actor+" creates "+c.n.ID.String())
		}
		read := w.actor["alice"]
		read.Token = hub.TokenRead
		_, err := w.repos.Create(ctx, read, repo.NewRepo{ID: model("alice", "x")})
		w.wantKind(err, errs.Forbidden, "a read token creates")
	})
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "Bert_base.v1-x": true, "": false, "-a": false, "a-": false, ".a": false, "a.": false, "a--b": false, "a..b": false,
		"a.git": false, "a.GIT": false, "a b": false, "a/b": false, "é": false, strings.Repeat("a", 90): true, strings.Repeat("a", 91): false,
	} {
		if err := repo.CheckName("alice", name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
}

// TestOneNameOneWinner: of many that create, move or duplicate to one name at once, one wins and the others learn that
// it is taken.
func TestOneNameOneWinner(t *testing.T) {
	each(t, func(w *world) {
		target := model("alice", "prize")
		sources := make([]*repo.Repo, 8)
		for i := range sources {
			sources[i] = w.create(model("alice", "source"+string(rune('a'+i))), hub.Public)
		}
		var wins, losses atomic.Int32
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				var err error
				src := sources[i%8]
				switch i / 8 {
				case 0:
					_, err = w.repos.Create(ctx, w.actor["alice"], repo.NewRepo{ID: model("alice", "PRIZE")})
				case 1:
					_, err = w.repos.Move(ctx, w.actor["alice"], src.ID(), target)
				default:
					_, err = w.repos.Duplicate(ctx, w.actor["alice"], src, target, "")
				}
				switch {
				case err == nil:
					wins.Add(1)
				case errs.Is(err, errs.Conflict):
					losses.Add(1)
				default:
					w.Errorf("neither won nor lost: %v", err)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 || losses.Load() != 23 {
			w.Errorf("%d wins, %d losses", wins.Load(), losses.Load())
		}
	})
}

// TestCreateAgainstDelete: whatever the order, a repository is whole or gone.
func TestCreateAgainstDelete(t *testing.T) {
	each(t, func(w *world) {
		id := model("alice", "flicker")
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = w.repos.Create(ctx, w.actor["alice"], repo.NewRepo{ID: id})
				} else {
					err = w.repos.Delete(ctx, w.actor["alice"], id)
				}
				if err != nil && !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.NotFound) {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		var orphans int
		w.must(w.db.Get(ctx, &orphans, `SELECT COUNT(*) FROM git_repo g WHERE NOT EXISTS (SELECT 1 FROM repo r WHERE r.id = g.repo_id)`))
		if orphans != 0 {
			w.Errorf("%d git repositories without a repository", orphans)
		}
	})
}
