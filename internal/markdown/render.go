package markdown

import (
	"bytes"
	"errors"
	"html/template"
	"time"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// MaxInput is how much of a text is rendered, in bytes; a notice replaces the rest.
const MaxInput = 1 << 20

// Options say where relative references lead.
type Options struct {
	LinkBase  string // before relative links: "/ns/name/blob/main/"; empty leaves them
	ImageBase string // before relative images: "/ns/name/resolve/main/"; empty leaves them
}

const (
	notice    = "<p><em>This text is too long to show in full. Open the file to read the rest.</em></p>"
	plainNote = "<p><em>This text is too intricate to format and is shown as it was written.</em></p>"
)

// Render turns Markdown into sanitised HTML. A text whose structure would take the parser too long is shown as plain text.
func Render(body []byte, opts Options) (template.HTML, error) {
	text, cut := shorten(body)
	page, err := format(text, opts)
	if err != nil {
		return "", err
	}
	if cut {
		page = append(page, notice...)
	}
	return template.HTML(policy.SanitizeBytes(page)), nil //nolint:gosec // the sanitiser is what makes it safe
}

func format(text []byte, opts Options) ([]byte, error) {
	if intricate(text) {
		return plainText(text), nil
	}
	page, err := convert(text)
	if errors.Is(err, errTooMuch) {
		return plainText(text), nil
	}
	if err != nil {
		return nil, err
	}
	return rewrite(page, opts), nil
}

// shorten cuts a text at MaxInput, at the end of a line if one is near, and makes it valid UTF-8.
func shorten(body []byte) (text []byte, cut bool) {
	if len(body) > MaxInput {
		body, cut = body[:MaxInput], true
		if i := bytes.LastIndexByte(body, '\n'); i > MaxInput-4096 {
			body = body[:i+1]
		}
	}
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	return body, cut
}

func plainText(text []byte) []byte {
	var b bytes.Buffer
	b.WriteString(plainNote + "<pre>")
	template.HTMLEscape(&b, text)
	b.WriteString("</pre>")
	return b.Bytes()
}

// gfm aligns table cells by attribute, since styles do not pass.
var gfm = tables{}

type tables struct{}

// Extend implements goldmark.Extender.
func (tables) Extend(m goldmark.Markdown) {
	for _, e := range []goldmark.Extender{
		extension.Linkify, extension.Strikethrough, extension.TaskList,
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
	} {
		e.Extend(m)
	}
}

// converter is made per text because the budget for highlighting is the text's.
func converter(guard *deadline) goldmark.Markdown {
	code := &codeRenderer{deadline: time.Now().Add(highlightTime), left: highlightBytes}
	return goldmark.New(
		goldmark.WithExtensions(gfm, guard),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
		goldmark.WithRendererOptions(
			gmhtml.WithUnsafe(), // raw HTML is part of Markdown; the sanitiser decides what stays
			renderer.WithNodeRenderers(util.Prioritized(code, 100)),
		),
	)
}
