package gitclient

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// S30: a push leaves one record for each ref that it moves, through each door and by each kind of proof, with who pushed,
// by what, from where and with which client.
func TestS30APushLeavesOneRecordByEachDoor(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	own, _ := h.AddKey(alice)
	deploy, id := h.AddDeployKey(alice, "models/alice/m", true)
	for _, door := range []struct {
		name         string
		key          *testhub.Key
		actor, proof string
	}{{"https", nil, "alice", ""}, {"ssh", &own, "alice", "key:"}, {"deploy key", &deploy, "deploy key " + id, "key:" + id}} {
		u := as(t, h, alice)
		if door.key != nil {
			u.useKey(*door.key)
		}
		dir := u.clone("alice/m")
		u.write(dir, door.name+".txt", door.name)
		u.commit(dir, door.name)
		before, err := event.List(t.Context(), h.App.DB(), event.Filter{}, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		u.git(dir, "push", "origin", "main")
		got, err := event.After(t.Context(), h.App.DB(), before[0].ID, 10)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %d records, %v: %+v", door.name, len(got), err, got)
		}
		e := got[0]
		if e.Kind != "repo.push" || e.ActorName != door.actor || e.TokenID == "" || !strings.HasPrefix(e.TokenID, door.proof) ||
			e.Addr == "" || e.UserAgent == "" || e.OwnerID == "" || e.RepoID == "" {
			t.Errorf("%s: %+v", door.name, e)
		}
	}
}
