package api

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

func TestPreupload(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{".gitattributes": "*.dat filter=lfs diff=lfs merge=lfs -text\n*.nolfs !filter\nplain.bin -filter\n", ".gitignore": "# c\n*.log\n!keep.log\nbuild/\n", "a.txt": "hi"})
		type verdict struct {
			Path, UploadMode, OID string
			ShouldIgnore          bool
		}
		ask := func(path string, size int64, sample string, more ...any) verdict {
			t.Helper()
			body := dict{"files": []dict{{"path": path, "size": size, "sample": base64.StdEncoding.EncodeToString([]byte(sample))}}}
			for i := 0; i+1 < len(more); i += 2 {
				body[more[i].(string)] = more[i+1]
			}
			v := ok[struct{ Files []verdict }](t, path, post(h, alice, "/api/models/alice/m/preupload/main", body))
			if len(v.Files) != 1 || v.Files[0].Path != path {
				t.Fatalf("%s: %+v", path, v)
			}
			return v.Files[0]
		}
		for _, c := range []struct {
			path   string
			size   int64
			sample string
			mode   string
		}{
			{"t.txt", 5, "hello", "regular"}, {"t.txt", 4_999_999, "hello", "regular"}, {"t.txt", 5_000_000, "hello", "lfs"}, {"t.txt", 1 << 40, "hello", "lfs"},
			{"e.safetensors", 0, "", "regular"}, {"m.safetensors", 5, "hello", "lfs"}, {"M.SafeTensors", 5, "hello", "lfs"}, {"d/x.gguf", 5, "hello", "lfs"},
			{"b", 5, "a\x00b", "lfs"}, {"x.dat", 5, "hello", "lfs"}, {"d/x.dat", 5, "hello", "lfs"}, {"e.dat", 0, "", "regular"},
			{"plain.bin", 5, "hello", "regular"}, {"plain.bin", 20_000_000, "hello", "lfs"}, {"u.txt", 5, "grüß", "regular"}, {"safetensors", 5, "x", "regular"},
		} {
			if got := ask(c.path, c.size, c.sample); got.UploadMode != c.mode || got.ShouldIgnore {
				t.Errorf("%s of %d bytes: %+v, want %s", c.path, c.size, got, c.mode)
			}
		}
		for path, ignored := range map[string]bool{"a.log": true, "d/a.log": true, "keep.log": false, "build/x": true, "d/build/y": true, "builder": false} {
			if got := ask(path, 1, "x"); got.ShouldIgnore != ignored {
				t.Errorf("%s: ignored %t", path, got.ShouldIgnore)
			}
		}
		if got := ask("new.txt", 1, "x", "gitIgnore", "*.txt\n"); !got.ShouldIgnore {
			t.Error("the pending .gitignore does not count")
		}
		if got := ask("x.dat", 5, "x", "gitAttributes", "*.foo filter=lfs\n"); got.UploadMode != "regular" {
			t.Errorf("the pending .gitattributes does not count: %+v", got)
		}
		if got := ask("a.txt", 2, "hi").OID; got != "32f95c0d1244a78b2be1bab8de17906fabb2c4a8" {
			t.Errorf("oid of what is there: %q", got)
		}
		h.JSON(alice, "PUT", "/api/models/alice/m/settings", dict{"lfs_threshold_bytes": 1_000_000, "lfs_suffix_rules": []string{".own"}}, nil)
		if a, b, c := ask("t.txt", 1_000_000, "x").UploadMode, ask("t.txt", 999_999, "x").UploadMode, ask("x.OWN", 1, "x").UploadMode; a+b+c != "lfsregularlfs" {
			t.Errorf("the repository's own rules: %s %s %s", a, b, c)
		}
		for _, body := range []any{
			dict{}, dict{"files": []dict{}}, dict{"files": []dict{{"path": "a", "size": -1}}}, dict{"files": []dict{{"path": "a", "size": "5"}}},
			dict{"files": []dict{{"path": "a", "size": 1, "sample": "%%"}}}, dict{"files": []dict{{"path": "a", "size": 1, "sample": strings.Repeat("QUFB", 1000)}}},
			dict{"files": "a"}, dict{"files": []int{1}}, "{", "[]", dict{"files": []dict{{"path": "a", "size": 1e300}}},
		} {
			refused(t, fmt.Sprint(body), post(h, alice, "/api/models/alice/m/preupload/main", body), 400, "")
		}
		one := dict{"files": []dict{{"path": "a", "size": 1, "sample": ""}}}
		refused(t, "revision", post(h, alice, "/api/models/alice/m/preupload/nope", one), 404, "RevisionNotFound")
		refused(t, "pull request", post(h, alice, "/api/models/alice/m/preupload/main?create_pr=1", one), 501, "NotImplemented")
	})
}
