package markdown

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// attacks are ways to run a script or to reach out of the page that filters have let through before.
var attacks = []string{
	`<script>alert(1)</script>`, `<SCRIPT SRC=//evil.example/x.js></SCRIPT>`, `<scr<script>ipt>alert(1)</scr</script>ipt>`,
	`<script/src=data:,alert(1)>`, `<script	x>alert(1)</script	>`, `<script>alert(1)//`, `<<script>alert(1);//<</script>`,
	`<script type="text/markdown">x</script>`, `<ScRiPt>alert(1)</sCrIpT>`, "<script\x00>alert(1)</script>", `<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>`,
	`<img src=x onerror=alert(1)>`, `<img/src=x/onerror=alert(1)>`, `<img src=x onerror="alert(1)"`, `<img """><script>alert(1)</script>">`,
	`<IMG SRC=javascript:alert(1)>`, `<IMG SRC="jav&#x09;ascript:alert(1)">`, "<IMG SRC=\"jav\tascript:alert(1)\">", `<IMG SRC=" &#14;  javascript:alert(1)">`,
	`<img src="x` + "`" + `><script>alert(1)</script>"` + "`" + `>`, `<img src onerror /" '"= alt=alert(1)//">`, `<img srcset="javascript:alert(1) 2x">`,
	`<img srcset="data:text/html,x 1x, //evil.example/y 2x" onload=alert(1)>`, `<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+">`, `<img src=x:alert(alt) onerror=eval(src) alt=0>`,
	`<img dynsrc="javascript:alert(1)">`, `<img lowsrc="javascript:alert(1)">`, `<img style="background:url(javascript:alert(1))">`, `<img usemap="#m"><map name="m"><area href="javascript:alert(1)"></map>`,
	`<svg onload=alert(1)>`, `<svg/onload=alert(1)>`, `<svg><script>alert(1)</script></svg>`, `<svg><a xlink:href="javascript:alert(1)"><text y=1>x</text></a></svg>`,
	`<svg><animate onbegin=alert(1) attributeName=x dur=1s>`, `<svg><set attributeName="href" to="javascript:alert(1)">`, `<svg><use href="data:image/svg+xml,<svg onload=alert(1)>">`,
	`<svg><foreignObject><iframe src="javascript:alert(1)"></foreignObject></svg>`, `<svg><style><img src=x onerror=alert(1)></style></svg>`, `<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">`,
	`<math><a xlink:href="javascript:alert(1)">x</a></math>`, `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
	`<math><maction actiontype="statusline#http://x" xlink:href="javascript:alert(1)">x</maction></math>`, `<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
	`<iframe src="javascript:alert(1)"></iframe>`, `<iframe srcdoc="<script>alert(1)</script>"></iframe>`, `<iframe onload=alert(1)>`, `<iframe src=//evil.example>`, `<frameset onload=alert(1)>`, `<frame src="javascript:alert(1)">`,
	`<object data="javascript:alert(1)">`, `<object type="text/html" data="data:text/html,<script>alert(1)</script>">`, `<embed src="javascript:alert(1)">`, `<applet code=x></applet>`, `<portal src="javascript:alert(1)">`,
	`<form action="javascript:alert(1)"><input type=submit></form>`, `<button formaction="javascript:alert(1)">x</button>`, `<input type=image src=x onerror=alert(1)>`, `<input autofocus onfocus=alert(1)>`, `<input type="checkbox" onclick=alert(1)>`,
	`<isindex type=image src=1 onerror=alert(1)>`, `<select autofocus onfocus=alert(1)>`, `<textarea autofocus onfocus=alert(1)>`, `<keygen autofocus onfocus=alert(1)>`, `<textarea><img title="</textarea><img src=x onerror=alert(1)>"></textarea>`,
	`<meta http-equiv="refresh" content="0;url=javascript:alert(1)">`, `<meta charset="x-mac-farsi">¼script ¾alert(1)//¼/script ¾`, `<base href="javascript:alert(1)//">`, `<link rel=stylesheet href="javascript:alert(1)">`, `<link rel=import href="//evil.example">`,
	`<style>@import'//evil.example/x.css';</style>`, `<style>body{background:url("javascript:alert(1)")}</style>`, `<div style="width: expression(alert(1));">x</div>`, `<div style="background:url(//evil.example)">x</div>`, `<p style="position:fixed;inset:0">cover</p>`,
	`<template><script>alert(1)</script></template>`, `<template shadowrootmode=open><script>alert(1)</script></template>`, `<slot onslotchange=alert(1)>`, `<xss onclick="alert(1)">x</xss>`, `<custom-element is=x onmouseover=alert(1)>`, `<dialog open onclose=alert(1)>`,
	`<body onload=alert(1)>`, `<html onmouseover=alert(1)>`, `<head><title onload=alert(1)></title></head>`, `<details open ontoggle=alert(1)>`, `<video src=x onerror=alert(1)>`, `<video><source onerror="alert(1)"></video>`, `<video poster=javascript:alert(1)//></video>`,
	`<audio src=x onerror=alert(1)>`, `<marquee onstart=alert(1)>`, `<bgsound src="javascript:alert(1)">`, `<table background="javascript:alert(1)"><td background="javascript:alert(1)">x</table>`, `<a onmouseover=alert(1)>x</a>`, `<a href="x" onclick="alert(1)">x</a>`,
	`<a href="javascript:alert(1)">x</a>`, `<a href="JaVaScRiPt:alert(1)">x</a>`, `<a href=" javascript:alert(1)">x</a>`, `<a href="&#106;avascript:alert(1)">x</a>`, `<a href="&#x6A&#x61&#x76&#x61script:alert(1)">x</a>`,
	`<a href="java&Tab;script:alert(1)">x</a>`, `<a href="java&NewLine;script&colon;alert(1)">x</a>`, "<a href=\"\x01javascript:alert(1)\">x</a>", "<a href=\"java\nscript:alert(1)\">x</a>", `<a href="javascript&#58;alert(1)">x</a>`,
	`<a href="javascript&#0000058alert(1)">x</a>`, `<a href="vbscript:msgbox(1)">x</a>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`, `<a href="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">x</a>`, `<a href="data:image/png;base64,AAAA">x</a>`,
	`<a href="blob:https://x/1">x</a>`, `<a href="file:///etc/passwd">x</a>`, `<a href="view-source:javascript:alert(1)">x</a>`, `<a href="feed:javascript:alert(1)">x</a>`, `<a href="javascript://example.org/%0aalert(1)">x</a>`, `<a href="intent://x#Intent;scheme=y;end">x</a>`,
	`<a href="\\evil.example\x">x</a>`, `<a href="x" target="_blank" rel="opener">x</a>`, `<a href="x" ping="https://evil.example">x</a>`, `<a id="__proto__" name="body">x</a>`, `<img name="getElementById" id="cookie">`,
	`[x](javascript:alert(1))`, `[x](JAVASCRIPT:alert(1))`, `[x](<javascript:alert(1)>)`, `[x](javascript&colon;alert(1))`, `[x](&#106;avascript:alert(1))`, `[x](java%0ascript:alert(1))`, "[x](\x01javascript:alert(1))", "[x](<java\tscript:alert(1)>)",
	`[x](data:text/html;base64,PHNjcmlwdD4=)`, `[x](vbscript:x)`, `[x]( javascript:alert(1) "t")`, `[x](x "onmouseover=alert(1)")`, `[x](x "t\" onmouseover=alert(1) y=\"")`, `[x](https://x"onmouseover="alert(1))`,
	"[x][r]\n\n[r]: javascript:alert(1)", "[r]\n\n[r]: <javascript:alert(1)> \"t\"", "[x][r]\n\n[r]: data:text/html,x", "![x][r]\n\n[r]: javascript:alert(1)",
	`![x](javascript:alert(1))`, `![x](x"onerror="alert(1))`, `![x" onerror="alert(1)](x)`, `![x](data:image/svg+xml,<svg onload=alert(1)>)`, `![<img src=x onerror=alert(1)>](y)`, `[![x](javascript:alert(1))](javascript:alert(2))`,
	`<javascript:alert(1)>`, `<JAVASCRIPT:alert(document.domain)>`, `<data:text/html,x>`, `<vbscript:x>`, `<https://x"onmouseover=alert(1)>`, `javascript:alert(1)`, `www.x"onmouseover="alert(1)`, `https://x/<script>alert(1)</script>`,
	`<!-- --><script>alert(1)</script>`, `<!--><script>alert(1)</script>-->`, `<!--[if gte IE 4]><script>alert(1)</script><![endif]-->`, `<!-- --!><img src=x onerror=alert(1)> -->`, `<![CDATA[<script>alert(1)</script>]]>`, `<?xml-stylesheet href="javascript:alert(1)"?>`, `<!ENTITY x "<script>alert(1)</script>"><p>&x;</p>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>`, `<noembed><img title="</noembed><img src onerror=alert(1)>"></noembed>`, `<xmp><p title="</xmp><img src=x onerror=alert(1)>"></xmp>`, `<title><p title="</title><img src=x onerror=alert(1)>">`, `<plaintext><img src=x onerror=alert(1)>`,
	`<listing>&lt;img src=x onerror=alert(1)&gt;</listing>`, `<p><svg><desc><b><style></b><img src=x onerror=alert(1)>`, `<select><style></select><img src=x onerror=alert(1)>`, `<table><style><img title="</style><img src=x onerror=alert(1)>"></table>`, `<b><i title="` + "`" + `><img src=x onerror=alert(1)>">`,
	"```<script>alert(1)</script>\nx\n```", "```\"onmouseover=alert(1)\nx\n```", "```html\n<script>alert(1)</script>\n```", "`<script>alert(1)</script>`", "    <script>alert(1)</script>", "# <img src=x onerror=alert(1)>", "# x {onclick=alert(1)}", "# x\" onmouseover=\"alert(1)",
	"|<script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|", "- [x] <script>alert(1)</script>", "> <script>alert(1)</script>", "<div>\n<script>\nalert(1)\n</script>\n</div>", "<details><summary><script>alert(1)</script></summary></details>", "~~<svg onload=alert(1)>~~", "\ufeff<script>alert(1)</script>", "<p lang='\" onclick=\"alert(1)'>x</p>",
	"<a href='https://x/' rel='' title='\" onclick=\"alert(1)'>x</a>", `<source srcset="javascript:alert(1)">`, `<picture><source srcset="data:text/html,x"></picture>`, `<img alt="<script>alert(1)</script>" src=y>`, "＜script＞alert(1)＜/script＞", "<ſcript>alert(1)</ſcript>", "<ımg src=x onerror=alert(1)>",
}

var forbidden = map[string]bool{}

func init() {
	for _, e := range strings.Fields(`script style svg math iframe frame frameset object embed applet form button textarea select meta link
		base template slot noscript title body html head xmp plaintext listing noembed portal dialog marquee map area isindex keygen bgsound`) {
		forbidden[e] = true
	}
}

// check parses the output as a browser does and reports what must not be there.
func check(out string) error {
	context := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(out), context)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		for d := range n.Descendants() {
			if err := checkNode(d); err != nil {
				return err
			}
		}
		if err := checkNode(n); err != nil {
			return err
		}
	}
	return nil
}

func checkNode(n *html.Node) error {
	if n.Type == html.CommentNode {
		return fmt.Errorf("a comment: %q", n.Data)
	}
	if n.Type != html.ElementNode {
		return nil
	}
	if forbidden[n.Data] || strings.Contains(n.Data, "-") || n.Namespace != "" {
		return fmt.Errorf("element %s", n.Data)
	}
	rel := ""
	for _, a := range n.Attr {
		if err := checkAttr(n, a); err != nil {
			return err
		}
		if a.Key == "rel" {
			rel = a.Val
		}
	}
	if n.Data == "a" && hasAttr(n, "href") && rel != linkRel {
		return fmt.Errorf("a link has rel %q", rel)
	}
	return nil
}

func hasAttr(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func checkAttr(n *html.Node, a html.Attribute) error {
	switch {
	case strings.HasPrefix(a.Key, "on"), strings.ContainsRune(a.Key, ':'):
		return fmt.Errorf("attribute %s on %s", a.Key, n.Data)
	}
	switch a.Key {
	case "style", "srcdoc", "action", "formaction", "ping", "target", "background", "poster", "usemap", "is", "dynsrc", "lowsrc", "data", "http-equiv":
		return fmt.Errorf("attribute %s on %s", a.Key, n.Data)
	case "id", "name":
		if !strings.HasPrefix(a.Val, anchorPrefix) {
			return fmt.Errorf("%s=%q", a.Key, a.Val)
		}
	case "href", "src", "cite":
		return checkURL(n, a.Val)
	case "srcset":
		for c := range strings.SplitSeq(a.Val, ",") {
			if err := checkURL(n, strings.Fields(c)[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkURL strips what browsers strip before it looks at the scheme.
func checkURL(n *html.Node, ref string) error {
	ref = strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, ref)
	u, err := url.Parse(ref)
	if err != nil || strings.Contains(ref, "\\") {
		return fmt.Errorf("URL %q", ref)
	}
	switch strings.ToLower(u.Scheme) {
	case "", "http", "https", "mailto":
		return nil
	case "data":
		for _, kind := range []string{"png", "gif", "jpeg", "webp"} {
			if n.Data == "img" && strings.HasPrefix(ref, "data:image/"+kind+";base64,") && len(ref) <= maxDataImage {
				return nil
			}
		}
	}
	return fmt.Errorf("URL %q", ref)
}

func TestAttacks(t *testing.T) {
	if len(attacks) < 100 {
		t.Fatalf("only %d attacks", len(attacks))
	}
	wraps := []string{"%s", "text %s text", "<div>%s</div>", "> - %s", "<details><summary>\n\n%s\n\n</summary></details>", "<p title=\"%s\">x</p>", "[a](%s)", "| a |\n|---|\n| %s |"}
	for _, a := range attacks {
		for _, w := range wraps {
			for _, opts := range []Options{repo, {}} {
				text := strings.Replace(w, "%s", a, 1)
				out, err := Render([]byte(text), opts)
				if err != nil {
					t.Fatal(err)
				}
				if err := check(string(out)); err != nil {
					t.Errorf("%q: %v\n%s", text, err, out)
				}
			}
		}
	}
}

// A browser that parses, serialises and parses again must not find more than the first time.
func TestMutation(t *testing.T) {
	for _, a := range attacks {
		out := render(t, a)
		for range 3 {
			nodes, err := html.ParseFragment(strings.NewReader(out), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, n := range nodes {
				_ = html.Render(&b, n)
			}
			out = b.String()
			if err := check(out); err != nil {
				t.Errorf("%q: %v\n%s", a, err, out)
			}
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, a := range attacks {
		f.Add([]byte(a))
	}
	f.Add([]byte("# T\n\n```go\nfunc f() {}\n```\n|a|\n|-|\n|b|\n\n![x](y.png) [z](../w)"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := Render(b, repo)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(string(out)); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}

// The checker itself must see what it is there for.
func TestCheckSees(t *testing.T) {
	for _, s := range []string{`<script>x</script>`, `<p><img src=x onerror=y>`, `<a href="java&#10;script:x" rel="nofollow noopener">`, `<a href="https://x/">`,
		`<p style="x">`, `<svg></svg>`, `<a id="x">`, `<img src="data:image/svg+xml;base64,x">`, `<!-- x -->`, `<img srcset="x:y 2x">`} {
		if check(s) == nil {
			t.Errorf("%s passes", s)
		}
	}
}
