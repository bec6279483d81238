package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type liker struct{ User string }

func likes(t *testing.T, h *testhub.Hub, id string) int {
	t.Helper()
	return ok[struct{ Likes int }](t, "likes", get(h, h.Admin, "/api/models/"+id+"?expand[]=likes")).Likes
}

func likers(t *testing.T, h *testhub.Hub, c testhub.Caller, id, query string) []string {
	t.Helper()
	var names []string
	for _, l := range pages(t, h, c, "/api/models/"+id+"/likers?"+query, func(l liker) string { return l.User }) {
		names = append(names, l.User)
	}
	return names
}

// TestLikes: a like counts once, however often it is sent, and goes with who gave it.
func TestLikes(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		model(h, "alice", "m", nil)
		for i := range 5 {
			c := h.User(fmt.Sprintf("u%d", i))
			for range 2 {
				h.JSON(c, http.MethodPost, "/api/models/alice/m/like", nil, nil)
			}
		}
		if got := likers(t, h, nobody, "alice/m", "limit=2"); strings.Join(got, " ") != "u4 u3 u2 u1 u0" || likes(t, h, "alice/m") != 5 {
			t.Errorf("likers %v, %d likes", got, likes(t, h, "alice/m"))
		}
		u1, err := h.App.Accounts().Get(t.Context(), "u1")
		if err == nil {
			err = h.App.Accounts().Delete(t.Context(), u1.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := testhub.Caller{Name: "u2"}
		if u2, err := h.App.Accounts().Get(t.Context(), "u2"); err == nil {
			c.Token = h.Token(u2.ID, hub.TokenWrite)
		}
		for range 2 {
			h.JSON(c, http.MethodDelete, "/api/models/alice/m/like", nil, nil)
		}
		if got := likers(t, h, nobody, "alice/m", ""); strings.Join(got, " ") != "u4 u3 u0" || likes(t, h, "alice/m") != 3 {
			t.Errorf("likers %v, %d likes", got, likes(t, h, "alice/m"))
		}
		refused(t, "cursor", get(h, nobody, "/api/models/alice/m/likers?cursor=x"), 400, "", "cursor")
	})
}

// TestLikesCountTruly: likes and unlikes at once leave the number that the rows say.
func TestLikesCountTruly(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		model(h, "alice", "m", nil)
		var work sync.WaitGroup
		for i := range 6 {
			c := h.User(fmt.Sprintf("u%d", i))
			work.Go(func() {
				for n := range 5 {
					method := http.MethodPost
					if n%2 == 1 {
						method = http.MethodDelete
					}
					if a := h.Do(c, method, "/api/models/alice/m/like", nil); a.Status != http.StatusOK {
						t.Errorf("%d %s", a.Status, a.Body)
					}
				}
			})
		}
		work.Wait()
		if n := likes(t, h, "alice/m"); n != 6 {
			t.Errorf("%d likes, want 6", n)
		}
	})
}
