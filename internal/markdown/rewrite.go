package markdown

import (
	"bytes"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"
)

// rewrite points relative references into the repository and prefixes anchors, in what Markdown made and in raw HTML alike.
// It is not what makes the result safe: the sanitiser runs after it.
func rewrite(page []byte, opts Options) []byte {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return out.Bytes()
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			rewriteTag(&t, opts)
			out.WriteString(t.String())
		default:
			out.Write(z.Raw())
		}
	}
}

func rewriteTag(t *html.Token, opts Options) {
	kept := t.Attr[:0]
	for _, a := range t.Attr {
		switch a.Key {
		case "id", "name":
			a.Val = anchorPrefix + strings.TrimPrefix(a.Val, anchorPrefix)
		case "href":
			a.Val = resolveLink(a.Val, opts.LinkBase)
		case "src", "poster":
			a.Val = resolve(a.Val, opts.ImageBase)
		case "srcset":
			a.Val = resolveSet(a.Val, opts.ImageBase)
		case "rel", "disabled":
			continue
		}
		kept = append(kept, a)
	}
	t.Attr = kept
	switch t.Data {
	case "a":
		t.Attr = append(t.Attr, html.Attribute{Key: "rel", Val: linkRel})
	case "input":
		t.Attr = append(t.Attr, html.Attribute{Key: "disabled", Val: ""})
	}
}

func resolveLink(ref, base string) string {
	if anchor, ok := strings.CutPrefix(strings.TrimSpace(ref), "#"); ok {
		if anchor == "" {
			return "#"
		}
		return "#" + anchorPrefix + strings.TrimPrefix(anchor, anchorPrefix)
	}
	return resolve(ref, base)
}

// resolve joins a relative reference to base. One that climbs out of the repository stops at its root; absolute ones and
// those that do not parse are left to the sanitiser.
func resolve(ref, base string) string {
	ref = strings.TrimSpace(ref)
	if len(ref) > maxDataImage {
		return ""
	}
	if base == "" || ref == "" {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, "\\") {
		return ref
	}
	p := strings.TrimPrefix(path.Clean("/"+u.EscapedPath()), "/")
	if u.Path == "" {
		p = ""
	}
	joined := strings.TrimSuffix(base, "/") + "/" + p
	if u.RawQuery != "" {
		joined += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		joined += "#" + u.EscapedFragment()
	}
	return joined
}

// resolveSet rewrites the candidates of a srcset. Data URLs hold commas and are not supported there.
func resolveSet(set, base string) string {
	candidates := strings.Split(set, ",")
	if len(candidates) > 20 {
		return ""
	}
	for i, c := range candidates {
		fields := strings.Fields(c)
		if len(fields) == 0 || len(fields) > 2 {
			return ""
		}
		fields[0] = resolve(fields[0], base)
		candidates[i] = strings.Join(fields, " ")
	}
	return strings.Join(candidates, ", ")
}
