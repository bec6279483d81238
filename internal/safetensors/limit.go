package safetensors

import (
	"errors"
	"fmt"
	"io"
)

// The bounds on what one header may ask of this process.
const (
	MaxHeader   = 25 << 20 // bytes of JSON read; the format itself allows 100 MB
	MaxTensors  = 300_000  // entries in one header or one index
	MaxFiles    = 10_000   // distinct files in one index
	maxDepth    = 6        // nesting of the JSON
	maxString   = 4 << 20  // bytes of one JSON string, training notes in the metadata included
	maxName     = 4 << 10  // bytes of a tensor's or file's name
	maxNumber   = 64       // bytes of a JSON number or literal
	maxRank     = 32       // dimensions of a tensor
	maxDTypes   = 64       // distinct dtypes in one file
	maxMetadata = 1 << 20  // bytes of metadata kept; longer entries are left out
	maxEntries  = 10_000   // metadata entries kept
)

// ErrFormat is in the chain of every error that says the bytes are not what they claim to be.
var ErrFormat = errors.New("not a valid safetensors file")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// guard passes JSON through and stops it as soon as it nests too deep or holds too long a token, because the decoder
// behind it would keep the whole token or the whole stack of brackets in memory first.
type guard struct {
	r        io.Reader
	depth    int
	token    int
	inString bool
	escaped  bool
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	for _, c := range p[:n] {
		if bad := g.see(c); bad != nil {
			return 0, bad
		}
	}
	return n, err
}

func (g *guard) see(c byte) error {
	if g.inString {
		return g.seeString(c)
	}
	switch c {
	case '"':
		g.inString, g.token = true, 0
	case '{', '[':
		g.token = 0
		if g.depth++; g.depth > maxDepth {
			return invalid("nested deeper than %d", maxDepth)
		}
	case '}', ']':
		g.token = 0
		g.depth--
	case ',', ':', ' ', '\t', '\r', '\n':
		g.token = 0
	default:
		if g.token++; g.token > maxNumber {
			return invalid("a number is longer than %d bytes", maxNumber)
		}
	}
	return nil
}

func (g *guard) seeString(c byte) error {
	switch {
	case g.escaped:
		g.escaped = false
	case c == '\\':
		g.escaped = true
	case c == '"':
		g.inString = false
	}
	if g.token++; g.token > maxString {
		return invalid("a string is longer than %d bytes", maxString)
	}
	return nil
}
