package markdown

import (
	"bytes"
	"html"
	"regexp"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// The budget for highlighting one text. Lexers are regular expressions that backtrack, so they get both.
const (
	highlightTime  = 300 * time.Millisecond
	highlightBytes = 256 << 10
	highlightBlock = 32 << 10 // a longer block is shown plain
)

var languageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+#._-]{0,31}$`)

// codeRenderer writes fenced code with classes for a style sheet.
type codeRenderer struct {
	deadline time.Time
	left     int
}

// RegisterFuncs implements goldmark's renderer.NodeRenderer.
func (r *codeRenderer) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindFencedCodeBlock, r.render)
}

func (r *codeRenderer) render(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.FencedCodeBlock)
	var code bytes.Buffer
	for i := range block.Lines().Len() {
		segment := block.Lines().At(i)
		code.Write(segment.Value(source))
	}
	language := string(block.Language(source))
	if !languageName.MatchString(language) {
		language = ""
	}
	_, _ = w.WriteString(`<pre class="hl-code"><code`)
	if language != "" {
		_, _ = w.WriteString(` class="language-` + html.EscapeString(language) + `"`)
	}
	_, _ = w.WriteString(">")
	_, _ = w.Write(r.highlight(language, code.Bytes()))
	_, _ = w.WriteString("</code></pre>\n")
	return ast.WalkSkipChildren, nil
}

// highlight gives the code as escaped HTML, plain when there is no lexer or the budget is used up.
func (r *codeRenderer) highlight(language string, code []byte) []byte {
	plain := []byte(html.EscapeString(string(code)))
	if language == "" || len(code) > min(highlightBlock, r.left) || time.Now().After(r.deadline) {
		return plain
	}
	r.left -= len(code)
	lexer := lexers.Get(language)
	if lexer == nil {
		return plain
	}
	tokens, err := lexer.Tokenise(nil, string(code))
	if err != nil {
		return plain
	}
	if out, ok := r.spans(tokens); ok {
		return out
	}
	return plain
}

func (r *codeRenderer) spans(tokens chroma.Iterator) ([]byte, bool) {
	var b bytes.Buffer
	for t := tokens(); t != chroma.EOF; t = tokens() {
		if time.Now().After(r.deadline) {
			return nil, false
		}
		text := html.EscapeString(t.Value)
		if class := class(t.Type); class != "" {
			b.WriteString(`<span class="hl-` + class + `">` + text + "</span>")
		} else {
			b.WriteString(text)
		}
	}
	return b.Bytes(), true
}

// class is the usual short name of a token's type, or of the kind that it belongs to.
func class(t chroma.TokenType) string {
	if t == chroma.Text || t == chroma.Whitespace || t == chroma.TextWhitespace {
		return ""
	}
	for _, kind := range []chroma.TokenType{t, t.SubCategory(), t.Category()} {
		if c, ok := chroma.StandardTypes[kind]; ok {
			return c
		}
	}
	return ""
}
