package httpd

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// JSONString writes text as one JSON string while it comes. Bytes that are no UTF-8 become the replacement character.
type JSONString struct {
	w     io.Writer
	rest  []byte // the beginning of a character whose end has not come
	begun bool
}

// NewJSONString writes to w. Close ends the string.
func NewJSONString(w io.Writer) *JSONString { return &JSONString{w: w} }

func (j *JSONString) Write(b []byte) (int, error) {
	in := append(j.rest, b...)
	out := make([]byte, 0, len(in)+len(in)/8+8)
	if !j.begun {
		out, j.begun = append(out, '"'), true
	}
	for len(in) > 0 && utf8.FullRune(in) {
		c, n := utf8.DecodeRune(in)
		out = appendJSONRune(out, c)
		in = in[n:]
	}
	j.rest = append([]byte(nil), in...)
	if _, err := j.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close writes what is left and the closing quote.
func (j *JSONString) Close() error {
	var out []byte
	if !j.begun {
		out = append(out, '"')
	}
	for range j.rest {
		out = appendJSONRune(out, utf8.RuneError)
	}
	_, err := j.w.Write(append(out, '"'))
	return err
}

func appendJSONRune(out []byte, c rune) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(out, '\\', byte(c))
	case c == '\n':
		return append(out, '\\', 'n')
	case c == '\t':
		return append(out, '\\', 't')
	case c < 0x20 || c == 0x2028 || c == 0x2029:
		return fmt.Appendf(out, `\u%04x`, c)
	}
	return utf8.AppendRune(out, c)
}
