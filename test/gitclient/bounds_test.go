package gitclient

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// An annotated tag that a push takes in is read by all that reads tags: with a long message it once stopped every clone,
// fetch and push of its repository.
func TestLongTagMessageStopsNobody(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		dir := u.clone("alice/m")
		u.write(dir, "message", strings.Repeat("release notes\n", 250_000)) // 3.5 MB of the 4 MiB that are taken
		u.git(dir, "tag", "-F", "message", "v1")
		u.git(dir, "push", "-q", "origin", "v1")
		again := u.clone("alice/m")
		if got := u.git(again, "cat-file", "-s", "v1"); len(got) != 7 {
			t.Errorf("the tag has %s bytes", got)
		}
		u.write(again, "more.txt", "more")
		u.commit(again, "more")
		u.git(again, "push", "-q", "origin", "main")
	})
}

// Tags of tags are followed to their end by all that looks for what refs reach, so their number is bounded, also when they
// come in several pushes: once ten at a time made chains whose ends a collection took for unreachable.
func TestTagsOfTagsAreBoundedOverPushes(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	u := as(t, h, alice)
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	dir := u.clone("alice/m")
	chain := func(from, to int) {
		for i := from; i <= to; i++ {
			target := "main"
			if i > 1 {
				target = fmt.Sprint("t", i-1)
			}
			u.git(dir, "-c", "advice.nestedTag=false", "tag", "-m", "x", fmt.Sprint("t", i), target)
		}
	}
	chain(1, 8)
	u.git(dir, "push", "-q", "origin", "t8:refs/tags/a")
	chain(9, 16)
	u.refused(dir, []string{"push", "origin", "t16:refs/tags/b"}, "nested too deeply")
	u.git(dir, "push", "-q", "origin", "t9:refs/tags/b")
	u.git(dir, "push", "-q", "origin", ":refs/tags/a")
	u.clone("alice/m")
}

// Several commits asked for by their ids are looked for in one walk: all of them are given, or none if one is lost.
func TestSeveralCommitsByID(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	u := as(t, h, alice)
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	dir := u.clone("alice/m")
	var ids []string
	for i := range 4 {
		u.write(dir, "n.txt", fmt.Sprint(i))
		ids = append(ids, u.commit(dir, fmt.Sprint(i)))
	}
	u.git(dir, "push", "-q", "origin", "main")
	u.git(dir, "reset", "-q", "--hard", ids[2])
	u.git(dir, "push", "-qf", "origin", "main")
	fresh := t.TempDir()
	u.git(fresh, "init", "-q")
	u.refused(fresh, []string{"fetch", u.remote("alice/m"), ids[0], ids[1], ids[3]}, "not our ref "+ids[3])
	u.git(fresh, "fetch", "-q", u.remote("alice/m"), ids[0], ids[1])
	u.git(fresh, "cat-file", "-e", ids[1])
}
