package card

import "bytes"

// MaxFrontMatter is the size of the YAML that Parse accepts, in bytes.
const MaxFrontMatter = 1 << 20

var bom = []byte("\xef\xbb\xbf")

// Split divides a README into its front matter, without the fences, and the text below. ok is false when there is no
// front matter; body is then the whole text. A fence is a line of exactly three dashes; white space may precede the first.
func Split(text []byte) (yaml, body []byte, ok bool) {
	rest := bytes.TrimLeft(bytes.TrimPrefix(text, bom), " \t\r\n")
	if !bytes.HasPrefix(rest, []byte("---")) {
		return nil, text, false
	}
	first, rest := cutLine(rest)
	if string(bytes.TrimRight(first, " \t\r")) != "---" {
		return nil, text, false
	}
	for start := rest; len(rest) > 0; {
		used := len(start) - len(rest)
		var line []byte
		line, rest = cutLine(rest)
		if string(bytes.TrimRight(line, " \t\r")) == "---" {
			return start[:used], rest, true
		}
	}
	return nil, text, false
}

func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}
