package git

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// MaxPointer is the size in bytes from which a blob is no longer read as a pointer (Git LFS specification).
const MaxPointer = 1024

const (
	pointerVersion = "https://git-lfs.github.com/spec/v1"
	pointerStart   = "version " + pointerVersion + "\n"
)

// Pointer is a Git LFS pointer: the blob that stands in git for a large file.
type Pointer struct {
	SHA256 hub.SHA256
	Size   int64 // bytes of the large file
}

// Encode is the pointer's canonical form.
func (p Pointer) Encode() []byte {
	return []byte(pointerStart + "oid sha256:" + p.SHA256.String() + "\nsize " + strconv.FormatInt(p.Size, 10) + "\n")
}

// ParsePointer reads a pointer: the version line, then keys in order, each once, each "key value\n" with one space and
// no other white space. Keys other than oid and size (extensions) are passed over.
func ParsePointer(data []byte) (Pointer, bool) {
	lines, ok := bytes.CutPrefix(data, []byte(pointerStart))
	if !ok || len(data) > MaxPointer || len(lines) == 0 || lines[len(lines)-1] != '\n' {
		return Pointer{}, false
	}
	var p Pointer
	var oid, size bool
	prev := ""
	for _, line := range strings.Split(string(lines[:len(lines)-1]), "\n") {
		key, value, ok := strings.Cut(line, " ")
		if !ok || key <= prev || !pointerKey(key) || value == "" || strings.ContainsAny(value, "\r\x00") {
			return Pointer{}, false
		}
		prev = key
		switch key {
		case "oid":
			p.SHA256, oid = parsePointerOID(value)
		case "size":
			p.Size, size = parsePointerSize(value)
		}
	}
	return p, oid && size
}

// MaybePointer reports whether a blob that starts with head and has the size may be a pointer.
func MaybePointer(head []byte, size int64) bool {
	return size <= MaxPointer && bytes.HasPrefix(head, []byte("version "))
}

func pointerKey(k string) bool {
	for i := 0; i < len(k); i++ {
		c := k[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return k != ""
}

func parsePointerOID(s string) (hub.SHA256, bool) {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return hub.SHA256{}, false
	}
	h, err := hub.ParseSHA256(hex)
	return h, err == nil
}

func parsePointerSize(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}
