package git

import (
	"bytes"
	"io"
	"strconv"

	"github.com/cairnhub/cairn/internal/hub"
)

// maxLooseHead is the longest "<kind> <size>" that is read.
const maxLooseHead = 32

// AppendLoose appends an object in the form of a file below objects/ (gitformat-loose(5)): a zlib stream of its head
// and bytes.
func AppendLoose(buf *bytes.Buffer, kind Kind, data []byte) error {
	head := strconv.AppendInt([]byte(kind.String()+" "), int64(len(data)), 10)
	return deflate(buf, io.MultiReader(bytes.NewReader(append(head, 0)), bytes.NewReader(data)))
}

// ReadLoose reads such a file and checks it against the object's id. An object of more than limit bytes is ErrLimit.
func ReadLoose(r io.Reader, oid hub.OID, limit int64) (Kind, []byte, error) {
	z, err := inflater(r)
	if err != nil {
		return 0, nil, err
	}
	defer releaseInflater(z)
	kind, size, err := looseHead(z)
	if err != nil {
		return 0, nil, err
	}
	if size > limit {
		return 0, nil, ErrLimit
	}
	data, err := readExactly(z, size)
	if err != nil {
		return 0, nil, err
	}
	if err := atEnd(z); err != nil {
		return 0, nil, err
	}
	if Hash(kind, data) != oid {
		return 0, nil, malformed("loose object %s has other content", oid)
	}
	return kind, data, nil
}

// looseHead reads up to the NUL byte by byte: what comes after it belongs to the caller.
func looseHead(r io.Reader) (Kind, int64, error) {
	var head []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			return 0, 0, malformed("loose object: %v", err)
		}
		if one[0] == 0 {
			break
		}
		if head = append(head, one[0]); len(head) > maxLooseHead {
			return 0, 0, malformed("loose object's head")
		}
	}
	name, digits, _ := bytes.Cut(head, []byte{' '})
	size, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || size < 0 {
		return 0, 0, malformed("loose object's size")
	}
	for k := KindCommit; k <= KindTag; k++ {
		if k.String() == string(name) {
			return k, size, nil
		}
	}
	return 0, 0, malformed("loose object's kind")
}
