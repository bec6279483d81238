package upgrade

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

func TestMain(m *testing.M) { os.Exit(crash.Main(m)) }

// newHub is a hub on an empty folder and, of the kind postgres, on an empty database, whose address it returns.
func newHub(t *testing.T, kind string) (h *crash.Hub, url string) {
	t.Helper()
	if kind == "postgres" {
		url = emptyPostgres(t)
		return crash.NewHub(t, t.TempDir(), "CAIRN_DATABASE_URL="+url), url
	}
	return crash.NewHub(t, t.TempDir()), ""
}

// restore brings a kept hub back as it was left.
func restore(t *testing.T, kind, dir string) *crash.Hub {
	t.Helper()
	h, url := newHub(t, kind)
	unpack(t, filepath.Join(dir, folderFile), h.Data)
	if url != "" {
		f, err := os.Open(filepath.Join(dir, dumpFile))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		run(t, z, tool(t, "psql"), "-q", "-v", "ON_ERROR_STOP=1", url)
	}
	return h
}

// Upgrades runs a test on each kept hub.
func upgrades(t *testing.T, test func(t *testing.T, kind, dir string)) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(testdata, "*", "*"))
	if err != nil || len(dirs) < 4 {
		t.Fatalf("the kept hubs are not there: %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir))+" "+filepath.Base(dir), func(t *testing.T) { test(t, filepath.Base(dir), dir) })
	}
}

var tokenForm = regexp.MustCompile(`hf_[A-Za-z0-9_]+`)

// holds starts the hub and compares its answers with those that it gave before.
func holds(t *testing.T, h *crash.Hub, dir string) {
	t.Helper()
	h.Token = tokenForm.FindString(h.Run(t, "", "token", "create", "admin", "--name", "upgrade", "--role", "write"))
	h.MustStart(t)
	got, err := look(crash.NewClient(h))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, seenFile))
	if err != nil {
		t.Fatal(err)
	}
	var want seen
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("the hub answers\n%v\nand answered\n%v", got, want)
	}
	c := crash.NewClient(h)
	for repo := range want {
		if a := c.Commit(repo, "main", []crash.Change{{Path: "new.txt", Data: []byte("new")}}); !a.OK() {
			t.Errorf("a commit after the upgrade: %s", a)
		}
	}
	if _, err := h.Stop(time.Minute); err != nil {
		t.Error(err)
	}
	h.Run(t, "", "fsck", "--read-data") // fails unless clean
}

// TestUpgrade brings every kept hub up to date in one go.
func TestUpgrade(t *testing.T) {
	upgrades(t, func(t *testing.T, kind, dir string) { holds(t, restore(t, kind, dir), dir) })
}

// TestKilledUpgrade kills the migration of every kept hub, each time a little later, until it is through.
func TestKilledUpgrade(t *testing.T) {
	upgrades(t, func(t *testing.T, kind, dir string) {
		h := restore(t, kind, dir)
		kills := killUntilThrough(t, h)
		t.Logf("killed %d times on the way", kills)
		if kills == 0 {
			t.Error("nothing was killed")
		}
		holds(t, h, dir)
	})
}

// killUntilThrough starts the migration again and again with a little more time each, and returns how often it was killed.
func killUntilThrough(t *testing.T, h *crash.Hub) (kills int) {
	t.Helper()
	bin, err := crash.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for wait := 5 * time.Millisecond; ; wait += wait / 8 {
		if wait > time.Minute {
			t.Fatal("the migration never comes to its end")
		}
		cmd := exec.Command(bin, "migrate", "--data", h.Data)
		cmd.Env = h.Environ()
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		kill.Stop()
		if err == nil {
			return kills
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("after %d kills the migration refuses: %v\n%s", kills, err, said.String())
		}
		kills++
	}
}
