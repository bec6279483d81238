package git

import (
	"bytes"
	"slices"

	"github.com/cairnhub/cairn/internal/hub"
)

// RewriteCommit is a commit's bytes with another tree and other parents, as many as before. All else stays to the byte
// (people, dates, encoding, message, headers of other tools), but the signatures: they are of what the commit was. So is
// a merged tag (mergetag) that names none of the new parents.
func RewriteCommit(raw []byte, tree hub.OID, parents []hub.OID) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	left := parents
	s := headerScanner{rest: raw}
	for {
		start := len(raw) - len(s.rest)
		key, value, ok := s.next()
		if !ok {
			break
		}
		switch key {
		case "tree":
			out = appendLine(out, key, tree.String())
		case "parent":
			if len(left) == 0 {
				return nil, malformed("commit with more parents than known")
			}
			out, left = appendLine(out, key, left[0].String()), left[1:]
		case "gpgsig", "gpgsig-sha256":
		case "mergetag":
			if t, err := ParseTag(value); err == nil && slices.Contains(parents, t.Object) {
				out = append(out, raw[start:len(raw)-len(s.rest)]...)
			}
		default:
			out = append(out, raw[start:len(raw)-len(s.rest)]...)
		}
	}
	if len(left) > 0 {
		return nil, malformed("commit with fewer parents than known")
	}
	return appendMessage(out, s.rest), nil
}

// RewriteTag is an annotated tag's bytes with another object. Its signature goes, as it is of what the tag was.
func RewriteTag(raw []byte, object hub.OID) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	s := headerScanner{rest: raw}
	for {
		start := len(raw) - len(s.rest)
		key, _, ok := s.next()
		if !ok {
			break
		}
		switch key {
		case "object":
			out = appendLine(out, key, object.String())
		case "gpgsig", "gpgsig-sha256":
		default:
			out = append(out, raw[start:len(raw)-len(s.rest)]...)
		}
	}
	message := s.rest
	if at := SignatureStart(message); at >= 0 {
		message = message[:at]
	}
	return appendMessage(out, message), nil
}

func appendMessage(head, message []byte) []byte {
	head = append(head, '\n')
	return append(head, message...)
}

// The lines with which the signatures begin that git knows.
var signatureLines = [][]byte{
	[]byte("-----BEGIN PGP SIGNATURE-----"),
	[]byte("-----BEGIN PGP MESSAGE-----"),
	[]byte("-----BEGIN SSH SIGNATURE-----"),
	[]byte("-----BEGIN SIGNED MESSAGE-----"),
}

// SignatureStart is where the signature at the end of a tag begins: the last line that starts one, as git takes it; -1
// when there is none.
func SignatureStart(tag []byte) int {
	found := -1
	for at := 0; at < len(tag); {
		line := tag[at:]
		for _, s := range signatureLines {
			if bytes.HasPrefix(line, s) {
				found = at
			}
		}
		n := bytes.IndexByte(line, '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return found
}
