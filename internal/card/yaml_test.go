package card

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
)

func TestScalars(t *testing.T) {
	for in, want := range map[string]string{
		"no": `"no"`, "yes": `"yes"`, "true": `true`, "~": `null`, "": `null`, "'1'": `"1"`, "1": `1`, "-7": `-7`, "1.0": `1`, "1.5": `1.5`,
		"1e3": `1000`, "0x10": `16`, "0o17": `15`, "017": `17`, "1_000": `1000`, ".inf": `null`, "-.INF": `null`, ".nan": `null`,
		"1e999": `null`, "123456789012345678901234567890": `1.2345678901234568e+29`, "2024-01-31": `"2024-01-31T00:00:00.000Z"`,
		"2024-01-31 10:20:30 +02:00": `"2024-01-31T08:20:30.000Z"`, "2024-13-01": `"2024-13-01"`, "1.2.3": `"1.2.3"`, "12:30": `"12:30"`,
		"!!str 12": `"12"`, `"a\nb"`: `"a\nb"`, "[1, a]": `[1,"a"]`, "{1: a, true: b}": `{"1":"a","true":"b"}`, "1__0": `10`, "+": `"+"`,
	} {
		tr, err := decodeYAML([]byte("k: " + in + "\n"))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, _ := json.Marshal(tr.data["k"]); string(got) != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestMergeKeysAndAliases(t *testing.T) {
	tr, err := decodeYAML([]byte("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(tr.data); string(got) != `{"a":{"x":1,"y":2},"b":{"x":1,"y":3},"c":{"x":1,"y":2}}` {
		t.Errorf("got %s", got)
	}
}

func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// Every bomb is refused within a second and without memory to speak of.
func TestBombs(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, MaxFrontMatter/len(s)-4) }
	for name, text := range map[string]string{
		"laughs":        laughs(),
		"long alias":    "a: &a " + strings.Repeat("x", 900_000) + "\nb: [" + strings.Repeat("*a, ", 20_000) + "]\n",
		"cycle":         "a: &a [*a]\n",
		"merge cycle":   "a: &a {<<: *a}\n",
		"flow depth":    "a: " + many("["),
		"flow mapping":  "a: " + many("{a: "),
		"quoted depth":  "a: " + strings.Repeat("[", 900) + strings.Repeat("]", 900),
		"block depth":   many("- "),
		"question mark": many("? "),
		"nested blocks": nested(1000),
		"commas":        "a: [" + many("x,") + "]",
		"lines":         many("- a\n"),
		"too large":     "a: " + strings.Repeat("x", MaxFrontMatter),
		"not UTF-8":     "a: \xff\xfe",
		"anchors":       many("a: &a\n"),
		"colons":        many("a: "),
		"tags":          "a: " + many("!a "),
		"tabs":          "a:\n" + many("\t"),
		"indicators":    many("|"),
		"percent":       many("%a\n"),
		"quotes":        many("\"\n"),
		"documents":     many("--- \n"),
		"complex key":   "? [a]\n: b\n",
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, errs, _ := Parse([]byte("---\n"+text+"\n---\n"), hub.Model)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if len(errs) == 0 && name != "documents" && name != "tabs" {
			t.Errorf("%s was accepted", name)
		}
		if took > 20*time.Second {
			t.Errorf("%s took %s", name, took)
		}
		if got := int64(after.HeapSys) - int64(before.HeapSys); got > 64<<20 {
			t.Errorf("%s took %d bytes", name, got)
		}
	}
}

func nested(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// A card of the size that benchmark collections write is still read.
func TestLargeHonestCard(t *testing.T) {
	var b strings.Builder
	b.WriteString("---\nmodel-index:\n- name: embedder\n  results:\n")
	for i := range 1500 {
		fmt.Fprintf(&b, "  - task:\n      type: Retrieval\n    dataset:\n      type: bench/d%d\n      name: D %d\n    metrics:\n", i, i)
		for j := range 10 {
			fmt.Fprintf(&b, "    - type: ndcg_at_%d\n      value: %d.5\n", j, j)
		}
	}
	b.WriteString("---\n")
	start := time.Now()
	c := mustParse(t, b.String(), hub.Model)
	if len(c.ModelIndex) != 1 || time.Since(start) > 20*time.Second {
		t.Errorf("%s for %d bytes", time.Since(start), b.Len())
	}
}

func TestReadme(t *testing.T) {
	got, err := NewReadme([]Field{{"title", "no"}, {"license", "mit"}, {"sdk", ""}, {"tags", []string{"a", "1.0"}}, {"pinned", false}}, []byte("# x\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "---\ntitle: 'no'\nlicense: mit\ntags:\n  - a\n  - '1.0'\npinned: false\n---\n# x\n"
	if string(got) != want {
		t.Errorf("got %q", got)
	}
	got, err = Merge([]byte("---\n# keep me\nlicense: mit\nother: [1]\n---\nbody"), []Field{{"license", "gpl-3.0"}, {"other", nil}, {"sdk", "docker"}})
	if err != nil || string(got) != "---\n# keep me\nlicense: gpl-3.0\nsdk: docker\n---\nbody" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, _ := NewReadme(nil, []byte("x")); string(got) != "x" {
		t.Errorf("got %q", got)
	}
	if _, err := Merge([]byte("---\na: [\n---\n"), nil); err == nil {
		t.Error("a broken card was merged")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{modelCard, datasetCard, spaceCard, "---\n" + laughs() + "---\n", "---\na: &a {<<: *a}\n? [x]\n: y\n---\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, repoType := range hub.RepoTypes {
			c, errs, warnings := Parse(b, repoType)
			if _, err := json.Marshal(c.Data); err != nil {
				t.Fatal(err)
			}
			if len(errs) > maxProblems || len(warnings) > maxProblems {
				t.Fatal("too many problems")
			}
			if tags := Tags(c, repoType, Facts{Files: []string{"a.csv"}, Config: b}); len(tags) > MaxTags {
				t.Fatal("too many tags")
			}
		}
		_, _ = Merge(b, []Field{{"license", "mit"}})
		_ = Config(b)
	})
}
