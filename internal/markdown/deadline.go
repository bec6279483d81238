package markdown

import (
	"bytes"
	"errors"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// The budget for one text. The structural bounds keep single steps of the parser short; the deadline stops their sum.
const (
	parseTime = time.Second
	maxOutput = 6 << 20
)

var errTooMuch = errors.New("the text takes too long to format")

// convert runs the converter until its output or its time is used up.
func convert(source []byte) (page []byte, err error) {
	guard := &deadline{at: time.Now().Add(parseTime)}
	defer func() {
		if r := recover(); r != nil {
			if r != errTooMuch { //nolint:errorlint // it is the very value that tick threw
				panic(r)
			}
			page, err = nil, errTooMuch
		}
	}()
	out := &boundedBuffer{}
	context := parser.NewContext(parser.WithIDs(newAnchors()))
	if err := converter(guard).Convert(source, out, parser.WithContext(context)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type boundedBuffer struct{ bytes.Buffer }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxOutput {
		return 0, errTooMuch
	}
	return b.Buffer.Write(p)
}

// deadline is a parser that parses nothing. The real parser asks it at every line and at every character that could mean
// something, and it leaves by a panic when the time is up, since the parser has no other way out.
type deadline struct {
	at    time.Time
	calls uint
}

func (d *deadline) tick() {
	if d.calls++; d.calls%16 == 0 && time.Now().After(d.at) {
		panic(errTooMuch)
	}
}

// Extend implements goldmark.Extender.
func (d *deadline) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithBlockParsers(util.Prioritized(lineDeadline{d}, 1)),
		parser.WithInlineParsers(util.Prioritized(markDeadline{d}, 1)),
	)
}

type lineDeadline struct{ *deadline }

func (lineDeadline) Trigger() []byte { return nil }

func (d lineDeadline) Open(ast.Node, text.Reader, parser.Context) (ast.Node, parser.State) {
	d.tick()
	return nil, parser.NoChildren
}

func (lineDeadline) Continue(ast.Node, text.Reader, parser.Context) parser.State { return parser.Close }
func (lineDeadline) Close(ast.Node, text.Reader, parser.Context)                 {}
func (lineDeadline) CanInterruptParagraph() bool                                 { return true }
func (lineDeadline) CanAcceptIndentedLine() bool                                 { return true }

type markDeadline struct{ *deadline }

func (markDeadline) Trigger() []byte { return []byte("[]!*_<`&:@~\\ \"(hw") }

func (d markDeadline) Parse(ast.Node, text.Reader, parser.Context) ast.Node {
	d.tick()
	return nil
}
