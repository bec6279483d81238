package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/event"
)

// openDB opens the hub's database beside the running hub.
func (h *Hub) openDB(ctx context.Context) (*db.DB, error) {
	at := "sqlite:" + h.Data + "/cairn.db"
	for _, s := range h.env {
		if v, ok := strings.CutPrefix(s, "CAIRN_DATABASE_URL="); ok {
			at = v
		}
	}
	return db.Open(ctx, at)
}

// CheckAudit holds the log of events to what there is: no change of a ref or a repository without its event, no event
// without its change, and the seals whole. The hub must be idle.
func (h *Hub) CheckAudit() (wrong []string) {
	ctx := context.Background()
	d, err := h.openDB(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	defer d.Close()
	v, err := event.Verify(ctx, d, event.Head{})
	switch {
	case err != nil:
		return []string{err.Error()}
	case v.Broken != nil:
		wrong = append(wrong, fmt.Sprintf("the log's event %d %s", v.Broken.EventID, v.Broken.What))
	}
	told, err := readLog(ctx, d)
	if err != nil {
		return append(wrong, err.Error())
	}
	is, err := readState(ctx, d)
	if err != nil {
		return append(wrong, err.Error())
	}
	return append(append(wrong, told.wrong...), told.differs(is)...)
}

// state is repositories and their refs, by ids.
type state struct {
	repos map[string]bool
	refs  map[[2]string]string
	wrong []string
}

func newState() *state { return &state{repos: map[string]bool{}, refs: map[[2]string]string{}} }

// readLog plays the log through.
func readLog(ctx context.Context, d *db.DB) (*state, error) {
	s := newState()
	var rows []struct {
		ID     int64
		RepoID string `db:"repo_id"`
		Kind   string
		Data   string
	}
	if err := d.Select(ctx, &rows, `SELECT id, repo_id, kind, data FROM event WHERE repo_id <> '' ORDER BY id`); err != nil {
		return nil, err
	}
	for _, r := range rows {
		switch r.Kind {
		case "repo.create":
			s.repos[r.RepoID] = true
		case "repo.delete":
			delete(s.repos, r.RepoID)
		}
		var data struct{ Ref, Old, New string }
		if err := json.Unmarshal([]byte(r.Data), &data); err == nil && data.Ref != "" {
			s.move(r.ID, [2]string{r.RepoID, data.Ref}, data.Old, data.New)
		}
	}
	return s, nil
}

// move plays one change of a ref, which must begin where the one before ended.
func (s *state) move(id int64, ref [2]string, old, now string) {
	if was, seen := s.refs[ref]; seen && was != old {
		s.wrong = append(s.wrong, fmt.Sprintf("event %d moves %s from %s, which it was not at: a change before it has no event", id, ref, old))
	}
	s.refs[ref] = now
}

func readState(ctx context.Context, d *db.DB) (*state, error) {
	s := newState()
	var repos []string
	if err := d.Select(ctx, &repos, `SELECT id FROM repo`); err != nil {
		return nil, err
	}
	for _, id := range repos {
		s.repos[id] = true
	}
	var refs []struct {
		RepoID string `db:"repo_id"`
		Name   string
		OID    string `db:"oid"`
	}
	if err := d.Select(ctx, &refs, `SELECT repo_id, name, oid FROM git_ref`); err != nil {
		return nil, err
	}
	for _, r := range refs {
		s.refs[[2]string{r.RepoID, r.Name}] = r.OID
	}
	return s, nil
}

// differs says where the log and what there is part.
func (s *state) differs(is *state) (wrong []string) {
	for id := range s.repos {
		if !is.repos[id] {
			wrong = append(wrong, "there is an event for the creation of repository "+id+", and no repository")
		}
	}
	for id := range is.repos {
		if !s.repos[id] {
			wrong = append(wrong, "there is a repository "+id+", and no event for its creation")
		}
	}
	for ref, told := range s.refs {
		if !is.repos[ref[0]] {
			continue
		}
		if strings.Trim(told, "0") == "" {
			told = ""
		}
		if at := is.refs[ref]; at != told {
			wrong = append(wrong, fmt.Sprintf("%s is at %q, and its last event says %q", ref, at, told))
		}
	}
	for ref := range is.refs {
		if _, ok := s.refs[ref]; !ok && ref[1] != "refs/heads/main" { // which comes with its repository
			wrong = append(wrong, fmt.Sprintf("there is %s, and no event for it", ref))
		}
	}
	return wrong
}
