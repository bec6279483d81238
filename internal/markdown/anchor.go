package markdown

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

// anchorPrefix keeps a text's anchors apart from the ids of the page around it.
const anchorPrefix = "user-content-"

const maxAnchor = 100

// anchors makes the ids of headings as GitHub does: lower case, spaces as dashes, repetitions numbered.
type anchors struct{ used map[string]int }

func newAnchors() *anchors { return &anchors{used: map[string]int{}} }

// Generate implements goldmark's parser.IDs. The prefix is added with that of the other ids, in rewrite.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	id := slug(string(value))
	if id == "" {
		id = "heading"
	}
	n := a.used[id]
	a.used[id] = n + 1
	if n > 0 {
		id += "-" + strconv.Itoa(n)
	}
	return []byte(id)
}

// Put implements goldmark's parser.IDs.
func (a *anchors) Put(value []byte) { a.used[string(value)]++ }

func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(s)) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
		if b.Len() >= maxAnchor {
			break
		}
	}
	return b.String()
}
