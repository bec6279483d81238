package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

const (
	clockHour = time.Hour
	tenYears  = 10 * 365 * 24 * time.Hour
)

// jumpy is a hub with a clock that the test sets.
type jumpy struct {
	*testhub.Hub
	off atomic.Int64
}

func eachJumpy(t *testing.T, f func(t *testing.T, h *jumpy)) {
	t.Helper()
	for name, scaled := range map[string]bool{"sqlite+folder": false, "postgres+s3": true} {
		t.Run(name, func(t *testing.T) {
			j := &jumpy{}
			j.Hub = testhub.NewAt(t, func() time.Time { return time.Now().Add(time.Duration(j.off.Load())) }, scaled)
			f(t, j)
		})
	}
}

func (j *jumpy) jump(d time.Duration) { j.off.Add(int64(d)) }

// pass has time go by in steps that are no jumps.
func (j *jumpy) pass(d time.Duration) {
	for n := 0; d > 0; d -= 4 * time.Minute {
		j.jump(min(d, 4*time.Minute))
		j.App.DB().Now()
		if n++; n%300 == 0 { // the clock is noted by each collector
			_, _ = j.App.Collect(j.T.Context(), false)
		}
	}
}

// collect runs all collectors, by hand and as schedules. A clock that has jumped may stop them.
func (j *jumpy) collect() {
	_, _ = j.App.Collect(j.T.Context(), false)
	if _, err := j.App.Jobs().RunDue(j.T.Context()); err != nil && j.T.Context().Err() == nil {
		j.T.Error(err)
	}
}

// send uploads and commits a large file, if the hub's clock lets it.
func (j *jumpy) send(c testhub.Caller, id, path, text string) (acknowledged bool) {
	up, a := uploadAddress(j.Hub, c, id, text)
	if a.Status != http.StatusOK || up != "" && j.Do(c, http.MethodPut, up, text).Status != http.StatusOK {
		return false
	}
	return commit(j.Hub, c, id, header(path), lfsFile(path, text)).Status == http.StatusOK
}

// Clocks jump by an hour and by ten years, ahead and back, while clients write and read and all collectors run: what was
// acknowledged stays, commits and events keep their order.
func TestClockJumps(t *testing.T) {
	eachJumpy(t, func(t *testing.T, h *jumpy) {
		alice := h.Member("alice", false)
		const id = "alice/m"
		h.CreateRepo(alice, hub.Model, id, false)
		h.Commit(alice, hub.Model, id, "main", map[string]string{"f": "1"})
		addLarge(h.Hub, alice, id, "main", "old.bin", babble(1, 90_000))
		early := babble(2, 90_000)
		upload(h.Hub, alice, id, early)
		h.CreateRepo(alice, hub.Model, "alice/gone", false)
		addLarge(h.Hub, alice, "alice/gone", "main", "w.bin", babble(3, 90_000))
		h.JSON(alice, "DELETE", "/api/repos/delete", dict{"name": "gone", "organization": "alice"}, nil)

		kept, done := sync.Map{}, make(chan struct{})
		var writers sync.WaitGroup
		var wrote atomic.Int64
		for w := range 3 {
			writers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-done:
						return
					default:
					}
					path, text := fmt.Sprintf("%d/%d.bin", w, n), babble(uint64(1000*w+n+10), 20_000+n)
					if !h.send(alice, id, path, text) {
						continue
					}
					kept.Store(path, text)
					wrote.Add(1)
					if got := read(h.Hub, alice, id, "main", path); got != text {
						t.Errorf("%s just after: %.60q", path, got)
					}
				}
			})
		}
		last := int64(0)
		jumps := []time.Duration{clockHour, -clockHour, tenYears, -tenYears, tenYears, -2 * tenYears, tenYears, -clockHour, clockHour}
		for i, d := range jumps {
			h.jump(d)
			h.collect()
			for end := time.Now().Add(time.Minute); wrote.Load() < last+3; {
				if time.Now().After(end) {
					t.Fatalf("after jump %d, by %s: nothing is written any more", i, d)
				}
				time.Sleep(5 * time.Millisecond)
			}
			last = wrote.Load()
			h.collect()
		}
		close(done)
		writers.Wait()
		if a := commit(h.Hub, alice, id, header("early"), lfsFile("early.bin", early)); a.Status != http.StatusOK {
			t.Errorf("a file that was uploaded before all jumps: %d %s", a.Status, a.Body)
		}
		kept.Store("early.bin", early)
		kept.Store("old.bin", babble(1, 90_000))
		kept.Range(func(path, text any) bool {
			if got := read(h.Hub, alice, id, "main", path.(string)); got != text {
				t.Errorf("%s: %.60q", path, got)
			}
			return true
		})
		if n := len(deletedOnes(h.Hub)); n != 1 {
			t.Errorf("%d deleted repositories wait, not 1", n)
		}
		h.jump(2 * time.Minute) // on PostgreSQL the latest events are shown when they have settled
		h.inOrder(id, int(wrote.Load()))
		h.Sound()
		if !t.Failed() {
			t.Logf("%d jumps of 1 h to 20 years, ahead and back, 3 writers, all collectors: %d files acknowledged, 0 lost, 0 live objects deleted, history one line, the log sealed to its end", len(jumps), wrote.Load())
		}
	})
}

// inOrder fails the test unless history is one line, and the log of events one that is sealed to its end.
func (j *jumpy) inOrder(id string, commits int) {
	j.T.Helper()
	ctx := j.T.Context()
	seen := 0
	for id := int64(0); ; {
		list, err := event.After(ctx, j.App.DB(), id, event.MaxPage)
		if err != nil {
			j.T.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if e.ID <= id {
				j.T.Fatalf("event %d after %d", e.ID, id)
			}
			id = e.ID
			seen++
		}
	}
	if seen < commits {
		j.T.Errorf("%d events of %d commits", seen, commits)
	}
	if _, err := event.Seal(ctx, j.App.DB()); err != nil {
		j.T.Fatal(err)
	}
	if v, err := event.Verify(ctx, j.App.DB(), event.Head{}); err != nil || v.Broken != nil {
		j.T.Errorf("the log: %+v %v", v.Broken, err)
	}
	found := 0
	for page := 0; ; page++ {
		list := ok[[]struct{ ID string }](j.T.(*testing.T), "commits", get(j.Hub, testhub.Caller{}, fmt.Sprintf("/api/models/%s/commits/main?limit=100&p=%d", id, page)))
		if found += len(list); len(list) == 0 {
			break
		}
	}
	if found < commits {
		j.T.Errorf("%d commits in one line, %d were acknowledged", found, commits)
	}
}

// What is deleted by its age waits after a jump ahead for as long as that was, a week at most, and goes then. A clock set
// back leaves no job, login or collector waiting for years.
func TestCollectorsWaitAfterJump(t *testing.T) {
	eachJumpy(t, func(t *testing.T, h *jumpy) {
		alice := h.Member("alice", false)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		upload(h.Hub, alice, "alice/m", babble(1, 90_000))
		if _, err := h.App.Collect(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		h.jump(tenYears)
		if _, err := h.App.Collect(t.Context(), false); err == nil || !strings.Contains(err.Error(), "87600h") {
			t.Fatalf("collected by a clock that jumped: %v", err)
		}
		h.jump(-tenYears)
		if _, err := h.App.Collect(t.Context(), false); err == nil {
			t.Fatal("a jump back made the clock trusted")
		}
		list, err := hold.List(t.Context(), h.App.DB())
		if err != nil || len(list) != 1 || time.Until(list[0].Until) > 8*24*time.Hour {
			t.Fatalf("%+v %v", list, err)
		}
		h.pass(7*24*time.Hour + clockHour)
		if _, err := h.App.Collect(t.Context(), false); err != nil {
			t.Fatalf("a week later: %v", err)
		}
	})
}

// Tokens and signed addresses end by the clock, and a jump of less than their life does not end them.
func TestTokensOverJumps(t *testing.T) {
	eachJumpy(t, func(t *testing.T, h *jumpy) {
		alice := model(h.Hub, "alice", "m", nil)
		addLarge(h.Hub, alice, "alice/m", "main", "w.bin", babble(1, 90_000))
		hash := get(h.Hub, alice, "/alice/m/resolve/main/w.bin").Header.Get("X-Xet-Hash")
		if hash == "" {
			t.Fatal("no Xet hash")
		}
		var ahead, aheadAddress string
		for _, back := range []time.Duration{-tenYears, tenYears, clockHour, tenYears} {
			h.jump(-back)
			token := ok[struct {
				AccessToken string
				Exp         int64
			}](t, "token", get(h.Hub, alice, "/api/models/alice/m/xet-read-token/main"))
			if life := time.Unix(token.Exp, 0).Sub(h.App.DB().Now()); life < 10*time.Minute || life > 20*time.Minute {
				t.Errorf("set back by %s: a token of %s", back, life)
			}
			asks := func(token string) int {
				return h.Do(nobody, "GET", "/v1/reconstructions/"+hash, nil, "Authorization", "Bearer "+token).Status
			}
			rec := ok[struct {
				FetchInfo map[string][]struct{ URL string } `json:"fetch_info"`
			}](t, "reconstruction", h.Do(nobody, "GET", "/v1/reconstructions/"+hash, nil, "Authorization", "Bearer "+token.AccessToken))
			address := ""
			for _, f := range rec.FetchInfo {
				address = strings.TrimPrefix(f[0].URL, h.URL)
			}
			if back < 0 {
				ahead, aheadAddress = token.AccessToken, address
			} else if token, bytes := asks(ahead), h.Do(nobody, "GET", aheadAddress, nil).Status; token != 401 || bytes != 403 {
				t.Errorf("of a clock that was years ahead: a token %d, an address %d", token, bytes)
			}
			for _, step := range []struct {
				by   time.Duration
				want int
			}{{0, 200}, {9 * time.Minute, 200}, {-clockHour, 200}, {clockHour + 11*time.Minute, 401}, {-20 * time.Minute, 200}} {
				h.jump(step.by)
				if got := asks(token.AccessToken); got != step.want {
					t.Errorf("set back by %s, then by %s: %d, not %d", back, step.by, got, step.want)
				}
				if got := h.Do(nobody, "GET", address, nil).Status; (got < 300) != (step.want < 300) {
					t.Errorf("set back by %s, then by %s: the signed address %d", back, step.by, got)
				}
				if life := h.uploadLife(alice); life < 5*clockHour || life > 7*clockHour {
					t.Errorf("set back by %s, then by %s: an address to upload to for %s", back, step.by, life)
				}
			}
		}
	})
}

// uploadLife is how long an address to upload to is said to hold.
func (j *jumpy) uploadLife(c testhub.Caller) time.Duration {
	j.T.Helper()
	const lfs = "application/vnd.git-lfs+json"
	out := ok[struct {
		Objects []struct {
			Actions map[string]struct {
				ExpiresIn int64 `json:"expires_in"`
			}
		}
	}](j.T.(*testing.T), "batch", j.Do(c, "POST", "/alice/m.git/info/lfs/objects/batch",
		dict{"operation": "upload", "objects": []dict{{"oid": shaOf("new"), "size": 3}}}, "Content-Type", lfs, "Accept", lfs))
	return time.Duration(out.Objects[0].Actions["upload"].ExpiresIn) * time.Second
}

// A job that was put off, or taken, by a clock that was ahead is not put off for years when it is set back.
func TestJobsComeBackWhenTheClockDoes(t *testing.T) {
	eachJumpy(t, func(t *testing.T, h *jumpy) {
		var latest int64
		due := func() time.Duration {
			if err := h.App.DB().Get(context.Background(), &latest, `SELECT COALESCE(MAX(run_at), 0) FROM job`); err != nil {
				t.Fatal(err)
			}
			return time.UnixMicro(latest).Sub(h.App.DB().Now())
		}
		h.jump(tenYears)
		if _, err := h.App.Jobs().RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.jump(-tenYears)
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if err := h.App.Jobs().Recall(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d := due(); d < 48*time.Hour {
				return
			} else if time.Now().After(end) {
				t.Fatalf("a job waits for %s", d)
			}
		}
	})
}
