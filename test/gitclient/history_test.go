package gitclient

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Real histories of over 10,000 objects each go in and come back object by object, also after the hub has tidied up.
func TestRealHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes of work")
	}
	work := t.TempDir()
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		for name, sources := range map[string]func(*testing.T) []source{
			"go": standardLibrary, "tools": toolsReleases, "dependencies": dependencies,
		} {
			dir := filepath.Join(work, name)
			u := as(t, h, alice)
			if u.ssh && name != "go" {
				continue // one will do: what differs is the way there
			}
			if _, err := os.Stat(dir); err != nil { // one history for both kinds of storage
				u.history(dir, sources(t))
			}
			h.CreateRepo(alice, hub.Model, "alice/"+name, false)
			u.throughTheHub(dir, "alice/"+name, name == "tools")
		}
	})
}

// throughTheHub pushes a history in three parts, clones it, and compares all objects. With tidy it then has the hub
// collect what one more branch has left behind, and compares again.
func (u *user) throughTheHub(dir, id string, tidy bool) {
	u.t.Helper()
	list := func(dir string) string {
		return u.git(dir, "cat-file", "--batch-all-objects", "--batch-check")
	}
	want := list(dir)
	objects := strings.Count(want, "\n") + 1
	start := time.Now()
	commits := strings.Fields(u.git(dir, "rev-list", "--reverse", "main"))
	for _, tip := range []string{commits[len(commits)/3], commits[2*len(commits)/3], "main"} {
		u.git(dir, "push", "-q", "--force", u.remote(id), tip+":refs/heads/main")
	}
	u.git(dir, "push", "-q", u.remote(id), "--tags")
	pushed := time.Since(start)
	compare := func(what string) time.Duration {
		mirror := filepath.Join(u.t.TempDir(), "mirror")
		start := time.Now()
		u.git("/", "clone", "-q", "--mirror", u.remote(id), mirror)
		took := time.Since(start)
		u.fsck(mirror)
		if got := list(mirror); got != want {
			u.t.Errorf("%s, %s: %d objects went in, %d came back, or others", id, what, objects, strings.Count(got, "\n")+1)
		}
		return took
	}
	cloned := compare("pushed")
	if objects < 10_000 {
		u.t.Errorf("%s has %d objects only", id, objects)
	}
	u.t.Logf("%s: %d commits, %d objects; pushed in %v, cloned in %v", id, len(commits), objects, pushed.Round(time.Millisecond), cloned.Round(time.Millisecond))
	if !tidy {
		return
	}
	u.leaveGarbage(dir, id)
	t, err := u.h.App.Tidy(u.t.Context(), noGrace)
	if err != nil || t.Repos < 1 || t.Objects < 1000 || t.Freed.Packs == 0 {
		u.t.Errorf("%s: tidied %+v, %v", id, t, err)
	}
	compare("tidied")
	u.t.Logf("%s: %+v", id, t)
}

// leaveGarbage pushes a branch on which every file is another and takes it away again.
func (u *user) leaveGarbage(dir, id string) {
	u.t.Helper()
	clone := filepath.Join(u.t.TempDir(), "garbage")
	u.git("/", "clone", "-q", dir, clone)
	err := filepath.WalkDir(clone, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("to be taken away\n")
		if e := f.Close(); err == nil {
			err = e
		}
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	u.commit(clone, "garbage")
	u.git(clone, "push", "-q", u.remote(id), "HEAD:refs/heads/garbage")
	u.h.JSON(u.who, http.MethodDelete, "/api/models/"+id+"/branch/garbage", nil, nil)
}
