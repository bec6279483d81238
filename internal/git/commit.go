package git

import (
	"bytes"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// Header is a commit's or tag's line beyond the fixed ones; the value of gpgsig and mergetag has many lines.
type Header struct{ Key, Value string }

// Commit is a parsed commit. Headers are those after the committer, in their order, so that a signed commit keeps its
// id when it is encoded again, unless a name in it has characters that git itself would have dropped.
type Commit struct {
	Tree      hub.OID
	Parents   []hub.OID
	Author    Signature
	Committer Signature
	Headers   []Header
	Message   string
}

// Header is the first value with the key, or "".
func (c *Commit) Header(key string) string { return findHeader(c.Headers, key) }

// GPGSig is the commit's signature in armour, or "".
func (c *Commit) GPGSig() string { return c.Header("gpgsig") }

// Encoding is the message's character set as iconv names it; "" is UTF-8.
func (c *Commit) Encoding() string { return c.Header("encoding") }

// Subject is the message's first paragraph on one line.
func (c *Commit) Subject() string {
	para, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n\n")
	return strings.Join(strings.Fields(para), " ")
}

// Body is the message after its first paragraph.
func (c *Commit) Body() string {
	_, body, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n\n")
	return strings.TrimSpace(body)
}

// Weight is about how many bytes of memory the commit holds.
func (c *Commit) Weight() int64 {
	n := int64(256 + 20*len(c.Parents) + len(c.Message) + len(c.Author.Name) + len(c.Author.Email))
	for _, h := range c.Headers {
		n += int64(len(h.Key)+len(h.Value)) + 32
	}
	return n
}

// ParseCommit reads a commit object. The tree and the parents must be well formed; people and dates are read as well as possible.
func ParseCommit(raw []byte) (*Commit, error) {
	c := &Commit{}
	s := headerScanner{rest: raw}
	key, value, ok := s.next()
	if !ok || key != "tree" {
		return nil, malformed("commit without tree")
	}
	var err error
	if c.Tree, err = hub.ParseOID(string(value)); err != nil {
		return nil, malformed("commit's tree")
	}
	for ok {
		if key, value, ok = s.next(); !ok {
			break
		}
		switch {
		case key == "parent" && c.Author == (Signature{}):
			p, err := hub.ParseOID(string(value))
			if err != nil {
				return nil, malformed("commit's parent")
			}
			c.Parents = append(c.Parents, p)
		case key == "author" && c.Author == (Signature{}):
			c.Author = parseSignature(value)
		case key == "committer" && c.Committer == (Signature{}):
			c.Committer = parseSignature(value)
		default:
			c.Headers = append(c.Headers, Header{key, string(value)})
		}
	}
	c.Message = string(s.rest)
	return c, nil
}

// Encode is the commit object's bytes.
func (c *Commit) Encode() []byte {
	b := make([]byte, 0, 256+len(c.Message))
	b = appendLine(b, "tree", c.Tree.String())
	for _, p := range c.Parents {
		b = appendLine(b, "parent", p.String())
	}
	b = appendLine(b, "author", c.Author.String())
	b = appendLine(b, "committer", c.Committer.String())
	for _, h := range c.Headers {
		b = appendLine(b, h.Key, h.Value)
	}
	b = append(b, '\n')
	return append(b, c.Message...)
}

// appendLine writes a header; a line break in the value continues with a space.
func appendLine(b []byte, key, value string) []byte {
	b = append(b, key...)
	b = append(b, ' ')
	b = append(b, strings.ReplaceAll(value, "\n", "\n ")...)
	return append(b, '\n')
}

func findHeader(hs []Header, key string) string {
	for _, h := range hs {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// headerScanner splits "key value" lines up to the empty line; rest is then the message.
type headerScanner struct{ rest []byte }

func (s *headerScanner) next() (key string, value []byte, ok bool) {
	if len(s.rest) == 0 {
		return "", nil, false
	}
	if s.rest[0] == '\n' {
		s.rest = s.rest[1:]
		return "", nil, false
	}
	line := s.line()
	k, v, _ := bytes.Cut(line, []byte{' '})
	if len(s.rest) == 0 || s.rest[0] != ' ' {
		return string(k), v, true
	}
	value = bytes.Clone(v)
	for len(s.rest) > 0 && s.rest[0] == ' ' {
		value = append(value, '\n')
		value = append(value, s.line()[1:]...)
	}
	return string(k), value, true
}

func (s *headerScanner) line() []byte {
	i := bytes.IndexByte(s.rest, '\n')
	if i < 0 {
		line := s.rest
		s.rest = nil
		return line
	}
	line := s.rest[:i]
	s.rest = s.rest[i+1:]
	return line
}
