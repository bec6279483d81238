package markdown

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

var repo = Options{LinkBase: "/northwind/fjord/blob/main/", ImageBase: "/northwind/fjord/resolve/main/"}

func render(t testing.TB, text string) string {
	t.Helper()
	out, err := Render([]byte(text), repo)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRender(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"# Hello World!\n## Hello World\n# Über uns", `<h1 id="user-content-hello-world">Hello World!</h1>`},
		{"# Hello World!\n## Hello World\n", `<h2 id="user-content-hello-world-1">`},
		{"# Über uns", `id="user-content-über-uns"`},
		{"[up](#hello)", `<a href="#user-content-hello" rel="nofollow noopener">up</a>`},
		{"[f](docs/a.md)", `href="/northwind/fjord/blob/main/docs/a.md"`},
		{"[f](./docs/../a%20b.md?x=1#L3)", `href="/northwind/fjord/blob/main/a%20b.md?x=1#L3"`},
		{"[f](../../../etc/passwd)", `href="/northwind/fjord/blob/main/etc/passwd"`},
		{"[f](/datasets/a/b)", `href="/datasets/a/b"`},
		{"[f](https://example.org/)", `<a href="https://example.org/" rel="nofollow noopener">f</a>`},
		{"<mailto:a@example.org>", `href="mailto:a@example.org"`},
		{"https://example.org/x", `<a href="https://example.org/x" rel="nofollow noopener">`},
		{"![logo](assets/logo.png)", `<img src="/northwind/fjord/resolve/main/assets/logo.png" alt="logo"`},
		{`<img src="a.png" width="50%" onerror=x>`, `<img src="/northwind/fjord/resolve/main/a.png" width="50%">`},
		{"![x](data:image/png;base64,iVBORw0KGgo=)", `src="data:image/png;base64,iVBORw0KGgo="`},
		{"| a | b |\n|---|:-:|\n| 1 | 2 |", `<td align="center">2</td>`},
		{"- [x] done", `<input checked="" type="checkbox" disabled=""`},
		{"~~gone~~", `<del>gone</del>`},
		{"```python\ndef f(): return '<b>'\n```", `<span class="hl-k">def</span>`},
		{"```python\ndef f(): return '<b>'\n```", `&lt;b&gt;`},
		{"```no-such-language\n<x>\n```", `<code class="language-no-such-language">&lt;x&gt;`},
		{"    indented <x>", `<pre><code>indented &lt;x&gt;`},
		{"<details open><summary>More</summary>\n\n**x**\n\n</details>", `<details open=""><summary>More</summary>`},
		{`<p align="center">x</p>`, `<p align="center">x</p>`},
		{`<picture><source media="(prefers-color-scheme: dark)" srcset="dark.png 2x"><img src="l.png"></picture>`,
			`<source media="(prefers-color-scheme: dark)" srcset="/northwind/fjord/resolve/main/dark.png 2x">`},
		{`<a name="top"></a>`, `name="user-content-top"`},
		{"$$x < y$$", `$$x &lt; y$$`},
	} {
		if got := render(t, tt.in); !strings.Contains(got, tt.want) {
			t.Errorf("%q\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

func TestWithoutBases(t *testing.T) {
	out, err := Render([]byte("[a](b.md) ![c](d.png)"), Options{})
	if err != nil || !strings.Contains(string(out), `href="b.md"`) || !strings.Contains(string(out), `src="d.png"`) {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestLongDataImageIsDropped(t *testing.T) {
	if got := render(t, "![x](data:image/png;base64,"+strings.Repeat("A", maxDataImage)+")"); strings.Contains(got, "data:") {
		t.Error("a long data URL stayed")
	}
}

func TestTruncation(t *testing.T) {
	got := render(t, strings.Repeat("A paragraph of an honest length.\n\n", 40_000))
	if !strings.Contains(got, "too long to show") || len(got) > 3*MaxInput {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestHonestTextsAreFormatted(t *testing.T) {
	for name, text := range map[string]string{
		"indented code": "x\n\n" + strings.Repeat(" ", 200) + "code\n",
		"rule":          strings.Repeat("-", 300) + "\n\n*x*",
		"long table":    "|a|b|c|d|\n|-|-|-|-|\n" + strings.Repeat("|1|2|3|[x](y)|\n", 2000),
		"ascii art":     "```\n" + strings.Repeat(strings.Repeat("> ", 10)+"\n", 50) + "```\n",
	} {
		if intricate([]byte(text)) {
			t.Errorf("%s is refused", name)
		}
	}
}

// Texts that are known to cost parsers quadratic time or deep stacks.
func TestPathologicalTexts(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, MaxInput/len(s)) }
	half := func(a, b string) string {
		return strings.Repeat(a, MaxInput/2/len(a)) + strings.Repeat(b, MaxInput/2/len(b))
	}
	small := func(a, mid, b string, n int) string { return strings.Repeat(a, n) + mid + strings.Repeat(b, n) }
	for name, text := range map[string]string{
		"brackets": fill("["), "pairs": half("[", "]"), "links": fill("[a]("), "images": fill("![a]("), "inner links": fill("[ ("),
		"emphasis": fill("*a_ "), "stars": fill("*"), "mixed": fill("**a *b "), "quotes": fill(">"), "quote lines": fill("> > > > > > > > a\n"),
		"lists": fill("- "), "deep list": deepList(1500), "numbers": fill("1. "), "backticks": ticks(1400), "entities": fill("&amp"),
		"autolinks": fill("http://a"), "mails": fill("a@b."), "www": fill("www.a"), "tables": "|" + fill("a|") + "\n|" + fill("-|"),
		"table rows": "|a|\n|-|\n" + fill("|a\n"), "wide table": wideTable(3000), "html": fill("<a "), "comments": fill("<!--"), "cdata": fill("<![CDATA["),
		"instructions": fill("<?"), "declarations": fill("<!A "), "tags": fill("<div>"), "closing": fill("</div>"), "headings": fill("# a\n"),
		"same headings": fill("# \n"), "references": refs(20_000), "one reference": "[a]: b\n\n" + fill("[a]"), "escapes": fill("\\"), "nul": fill("\x00"),
		"fences": fill("```\n"), "tildes": fill("~~a"), "setext": fill("a\n=\n"), "tabs": fill("\t"), "spaces": fill(" "), "code": "```python\n" + fill("((((") + "\n```",
		"many codes": fill("```python\nx = [[[[\n```\n"), "lexer": "```markdown\n" + strings.Repeat("*_`[", 8000) + "\n```", "regex": "```perl\n" + strings.Repeat("s/", 15_000) + "\n```",
		"nested brackets 4999": small("[", "a", "]", 4999), "nested links": small("[", "a", "](b)", 4999), "emphasis 19k": small("*", "a", "*", 9500),
		"paragraphs of brackets": fill(strings.Repeat("[", 4900) + "\n\n"), "paragraphs of stars": fill(strings.Repeat("*a ", 6000) + "\n\n"),
		"paragraphs of mixed": fill(strings.Repeat("*a _b ", 6000) + "\n\n"), "paragraphs of backticks": fill(ticks(180) + "\n\n"),
		"paragraphs of tags": fill(strings.Repeat("<a ", 4900) + "\n\n"), "link labels": fill(strings.Repeat("[a](", 2400) + "\n\n"),
		"open comments": fill("a <!-- \n\n"), "open instructions": fill("a <? "), "quote and list": fill("> - > - > - > - > - a\n"), "lazy": fill("> a\nb\n"),
		"hrefs": fill("[a](b)\n"), "attributes": "<a " + fill(`x="y" `) + ">", "srcset": `<img srcset="` + fill("a,") + `">`, "task": fill("- [ ] a\n"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		render(t, text)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if took > 30*time.Second {
			t.Errorf("%s took %s (intricate: %v)", name, took, intricate([]byte(text)))
		} else if took > 500*time.Millisecond {
			t.Logf("%s took %s", name, took)
		}
	}
}

func deepList(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("  ", i%700) + "- a\n")
	}
	return b.String()
}

func ticks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("e" + strings.Repeat("`", i))
	}
	return b.String()
}

func wideTable(n int) string {
	return strings.Repeat("|a", n) + "\n" + strings.Repeat("|-", n) + "\n" + strings.Repeat("|b\n", 20_000)
}

func refs(n int) string {
	return strings.Repeat("[a]: b\n", n) + "\n" + strings.Repeat("[c] ", n)
}
