package crash

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// noGrace has the hub collect what branches leave behind each second and at once, so that kills hit it.
var noGrace = []string{"CAIRN_KEEP_UNREACHABLE=0s", "CAIRN_KEEP_UNNAMED=0s"}

// Fifty kills on SQLite and a folder: nothing acknowledged is lost, nothing is half visible, every start succeeds.
func TestKills(t *testing.T) {
	h := NewHub(t, filepath.Join(t.TempDir(), "data"), noGrace...)
	r := Rounds{Kills: 50, Least: 100 * time.Millisecond, Most: 700 * time.Millisecond, Seed: 1}
	t.Log(r.Run(t, h))
	checkCollected(t, h)
}

// checkCollected waits until a collection has removed something: kills that hit none prove nothing of it. The last kill may
// have hit one, whose lease then has to run out.
func checkCollected(t *testing.T, h *Hub) {
	t.Helper()
	c := NewClient(h)
	for n, start := 0, time.Now(); time.Since(start) < 3*time.Minute; n++ {
		name := fmt.Sprint("left", n)
		if a := c.CreateBranch(repoBranch, name); !a.OK() {
			t.Fatal(a)
		}
		if a := c.Commit(repoBranch, name, []Change{{Path: name, Data: []byte(name)}}); !a.OK() {
			t.Fatal(a)
		}
		if a := c.DeleteBranch(repoBranch, name); !a.OK() {
			t.Fatal(a)
		}
		if h.Metric("cairn_git_collected_objects_total") > 0 {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Error("nothing is collected")
}

// The hub dies, PostgreSQL and S3 live on.
func TestKillsScaled(t *testing.T) {
	h := NewHub(t, filepath.Join(t.TempDir(), "data"), append(scaled(t), noGrace...)...)
	r := Rounds{Kills: 10, Least: 200 * time.Millisecond, Most: 1200 * time.Millisecond, Seed: 2}
	t.Log(r.Run(t, h))
}

// scaled are the settings of a hub on PostgreSQL and S3.
func scaled(t testing.TB) []string {
	o := blobtest.S3(t)
	q := url.Values{"endpoint": {o.Endpoint}, "region": {o.Region}, "access_key": {o.AccessKey}, "secret_key": {o.SecretKey}}
	return []string{"CAIRN_DATABASE_URL=" + dbtest.URL(t, db.Postgres),
		"CAIRN_BLOB_URL=s3://" + strings.TrimSuffix(o.Bucket+"/"+o.Prefix, "/") + "?" + q.Encode()}
}

// A ledger that cannot see loss proves nothing.
func TestLedgerSeesLoss(t *testing.T) {
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	l := NewLedger()
	h.MustStart(t)
	c := NewClient(h)
	Setup(t, c, l)
	w := &writer{t: t, c: c, l: l}
	data := xetstoretest.Random(1, 400_000)
	if a := c.PutXet(t, repoLarge, data); !a.OK() {
		t.Fatal(a)
	}
	if a := w.commit(repoLarge, "main", []Change{{Path: "large.bin", Data: data, Large: true}}); !a.OK() {
		t.Fatal(a)
	}
	if a := w.commit(reposSmall[0], "main", []Change{{Path: "a", Data: []byte("a")}}); !a.OK() {
		t.Fatal(a)
	}
	if wrong := l.Check(c, true); len(wrong) > 0 {
		t.Fatalf("before any damage: %v", wrong)
	}
	mustSee := func(t *testing.T, say string) {
		t.Helper()
		wrong := strings.Join(l.Check(NewClient(h), true), "\n")
		if !strings.Contains(wrong, say) {
			t.Errorf("the ledger did not see it: %q", wrong)
		}
	}
	t.Run("a commit that never was", func(t *testing.T) {
		k := Key{reposSmall[0], "main", "never"}
		l.End(l.Begin(map[Key]Value{k: FileValue(Change{Data: []byte("x")})}), Answer{Status: 200})
		mustSee(t, "lost")
		delete(l.holds, k)
	})
	t.Run("half an operation", func(t *testing.T) {
		if a := c.Commit(reposSmall[0], "main", []Change{{Path: "half-1", Data: []byte("x")}}); !a.OK() {
			t.Fatal(a)
		}
		one, two := Key{reposSmall[0], "main", "half-1"}, Key{reposSmall[0], "main", "half-2"}
		l.Begin(map[Key]Value{one: FileValue(Change{Data: []byte("x")}), two: FileValue(Change{Data: []byte("y")})})
		mustSee(t, "half visible")
		delete(l.holds, two)
	})
	t.Run("a file that nobody put", func(t *testing.T) {
		if a := c.Commit(reposSmall[0], "main", []Change{{Path: "stray", Data: []byte("x")}}); !a.OK() {
			t.Fatal(a)
		}
		mustSee(t, "nobody put it there")
		if a := c.Commit(reposSmall[0], "main", []Change{{Path: "stray", Gone: true}}); !a.OK() {
			t.Fatal(a)
		}
	})
	path := largest(t, filepath.Join(h.Data, "blobs", "object"))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a flipped bit", func(t *testing.T) {
		h.Kill()
		spoiled := append([]byte(nil), whole...)
		spoiled[len(spoiled)/2] ^= 1
		if err := os.WriteFile(path, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		h.MustStart(t)
		mustSee(t, "large.bin cannot be read")
	})
	t.Run("a deleted blob", func(t *testing.T) {
		h.Kill()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		h.MustStart(t)
		mustSee(t, "large.bin cannot be read")
	})
	t.Run("and its return", func(t *testing.T) {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if wrong := l.Check(NewClient(h), true); len(wrong) > 0 {
			t.Error(wrong)
		}
	})
}

// largest is the largest file below a folder.
func largest(t *testing.T, dir string) (path string) {
	var most int64
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() > most {
			path, most = p, info.Size()
		}
		return nil
	})
	if err != nil || path == "" {
		t.Fatal("no blob:", err)
	}
	return path
}
