package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

type entry struct {
	Type, Path, Oid string
	Size            int64
	LastCommit      *struct{ ID, Title, Date string }
}

// pages follows Link to the end and gives all items; the address must be absolute and nothing may come twice.
func pages[T any](t *testing.T, h *testhub.Hub, c testhub.Caller, path string, key func(T) string) []T {
	t.Helper()
	var all []T
	seen := map[string]bool{}
	for range 1000 {
		a := get(h, c, path)
		for _, v := range ok[[]T](t, path, a) {
			if seen[key(v)] {
				t.Errorf("%s comes twice", key(v))
			}
			seen[key(v)] = true
			all = append(all, v)
		}
		link := a.Header.Get("Link")
		if link == "" {
			return all
		}
		next, whole := strings.CutSuffix(link, `>; rel="next"`)
		rest, absolute := strings.CutPrefix(next, "<"+h.URL)
		if !whole || !absolute {
			t.Fatalf("Link is %q", link)
		}
		path = rest
	}
	t.Fatal("the listing has no end")
	return nil
}

func entryPath(e entry) string { return e.Path }

// What tree, paths-info and treesize say equals a model of the files, whatever the page.
func TestTree(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		content := map[string]string{"README.md": "# hi\n", "a.txt": "1", "a/b.txt": "22", "a/c/d.txt": "333", "a-b": "4444", "z": ""}
		for i := range 23 {
			content[fmt.Sprintf("many/%02d.txt", i)] = strings.Repeat("x", i)
		}
		alice := model(h, "alice", "m", content)
		content[".gitattributes"] = read(h, alice, "alice/m", "main", ".gitattributes")
		base := "/api/models/alice/m/tree/main"

		for _, dir := range []string{"", "a", "a/c", "many"} {
			for _, recursive := range []bool{false, true} {
				want := listing(content, dir, recursive)
				for _, limit := range []int{1, 2, 7, 1000, 1_000_000_000} {
					path := base
					if dir != "" {
						path += "/" + url.PathEscape(dir)
					}
					got := pages(t, h, alice, fmt.Sprintf("%s?limit=%d&recursive=%t", path, limit, recursive), entryPath)
					var names []string
					for _, e := range got {
						names = append(names, e.Type[:1]+" "+e.Path)
						if e.Type == "file" && e.Size != int64(len(content[e.Path])) {
							t.Errorf("%s: size %d", e.Path, e.Size)
						}
					}
					slices.Sort(names)
					if !slices.Equal(names, want) {
						t.Errorf("tree %q recursive %t limit %d:\n%v\n%v", dir, recursive, limit, names, want)
					}
				}
			}
			size := int64(0)
			for p, c := range content {
				if dir == "" || strings.HasPrefix(p, dir+"/") {
					size += int64(len(c))
				}
			}
			got := ok[struct {
				Path string
				Size int64
			}](t, "treesize", get(h, alice, "/api/models/alice/m/treesize/main/"+dir))
			if got.Size != size {
				t.Errorf("treesize %q: %d, want %d", dir, got.Size, size)
			}
		}
		for _, path := range []string{"a%2Fc", "a/c", "a/c/"} {
			if got := ok[[]entry](t, path, get(h, alice, base+"/"+path)); len(got) != 1 || got[0].Path != "a/c/d.txt" {
				t.Errorf("%s: %v", path, got)
			}
		}

		second := h.Commit(alice, "model", "alice/m", "main", map[string]string{"a/b.txt": "new"})
		for _, e := range pages(t, h, alice, base+"?recursive=true&expand=true&limit=5", entryPath) {
			switch {
			case e.LastCommit == nil:
				t.Errorf("%s has no last commit", e.Path)
			case (e.LastCommit.ID == second) != (e.Path == "a/b.txt" || e.Path == "a"):
				t.Errorf("%s was last changed by %v", e.Path, e.LastCommit)
			}
		}
		info := ok[[]entry](t, "paths-info", post(h, alice, "/api/models/alice/m/paths-info/main", dict{"paths": []string{"z", "nope", "a", "a/b.txt", "z/x"}, "expand": true}))
		if len(info) != 3 || info[0].Path != "z" || info[1].Type != "directory" || info[2].LastCommit == nil || info[2].LastCommit.ID != second {
			t.Errorf("paths-info %+v", info)
		}
		one := ok[[]entry](t, "paths-info", post(h, alice, "/api/models/alice/m/paths-info/main", dict{"paths": "z"}))
		if len(one) != 1 {
			t.Errorf("one path as text: %v", one)
		}

		refused(t, "missing folder", get(h, alice, base+"/nope"), 404, "EntryNotFound")
		refused(t, "missing revision", get(h, alice, "/api/models/alice/m/tree/nope"), 404, "RevisionNotFound", "Invalid rev id: nope")
		refused(t, "treesize of nothing", get(h, alice, "/api/models/alice/m/treesize/main/nope"), 404, "EntryNotFound")
		refused(t, "too many paths", post(h, alice, "/api/models/alice/m/paths-info/main", dict{"paths": many("p%d", 1001)}), 413, "")
		refused(t, "bad paths", post(h, alice, "/api/models/alice/m/paths-info/main", dict{"paths": 5}), 400, "")
		for _, q := range []string{"limit=0", "limit=-1", "limit=x", "limit=99999999999999999999", "limit=1.5", "cursor=%25%25", "cursor=!!", "cursor=" + strings.Repeat("A", 5000)} {
			refused(t, q, get(h, alice, base+"?"+q), 400, "")
		}
		for _, q := range []string{"cursor=Li4vLi4", "cursor=AAAA", "cursor=enp6eg"} { // well-formed, and nobody's: no error of ours, nothing leaked
			if a := get(h, alice, base+"?recursive=true&"+q); a.Status != 200 && a.Status != 400 && a.Status != 404 {
				t.Errorf("%s: %d %s", q, a.Status, a.Body)
			}
		}
	})
}

// listing is what a tree shows of a folder, from the files alone.
func listing(content map[string]string, dir string, recursive bool) []string {
	set := map[string]bool{}
	for p := range content {
		rest := p
		if dir != "" {
			var below bool
			if rest, below = strings.CutPrefix(p, dir+"/"); !below {
				continue
			}
		}
		segs := strings.Split(rest, "/")
		for i := 1; i < len(segs); i++ {
			if i == 1 || recursive {
				set["d "+strings.TrimPrefix(dir+"/"+strings.Join(segs[:i], "/"), "/")] = true
			}
		}
		if len(segs) == 1 || recursive {
			set["f "+p] = true
		}
	}
	var out []string
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
