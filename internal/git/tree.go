package git

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"github.com/cairnhub/cairn/internal/hub"
)

// MaxTree is the size in bytes of the largest tree that is written or taken in: about 400,000 files in one folder.
const MaxTree = 16 << 20

// Mode is a tree entry's mode, as octal digits in the tree.
type Mode uint32

// The modes that git writes today.
const (
	ModeFile      Mode = 0o100644
	ModeExec      Mode = 0o100755
	ModeSymlink   Mode = 0o120000
	ModeDir       Mode = 0o040000
	ModeSubmodule Mode = 0o160000
)

// String is the six digits that ls-tree prints.
func (m Mode) String() string { return fmt.Sprintf("%06o", uint32(m)) }

// IsDir reports whether the entry is a folder.
func (m Mode) IsDir() bool { return m&0o170000 == ModeDir }

// IsBlob reports whether the entry's object is a blob: a file or a symbolic link.
func (m Mode) IsBlob() bool { return m&0o170000 == 0o100000 || m&0o170000 == ModeSymlink }

// Known reports whether git itself would write the mode.
func (m Mode) Known() bool {
	switch m {
	case ModeFile, ModeExec, ModeSymlink, ModeDir, ModeSubmodule:
		return true
	}
	return false
}

// TreeEntry is one line of a folder.
type TreeEntry struct {
	Name string
	Mode Mode
	OID  hub.OID
}

// Tree is a parsed tree: its bytes and where each entry starts, so that a folder of 100,000 entries costs four bytes
// per entry beside its bytes and any entry is found by binary search. It is immutable and safe for concurrent use.
type Tree struct {
	raw []byte
	off []uint32 // start of each entry, then len(raw)
}

// ParseTree reads a tree and keeps raw. It refuses what git-fsck(1) calls an error in the order: unsorted and
// repeated names; and names that cannot be one component of a path ("" and those with a slash).
func ParseTree(raw []byte) (*Tree, error) {
	if len(raw) > 1<<31-1 {
		return nil, fmt.Errorf("%w: tree of %d bytes", ErrLimit, len(raw))
	}
	t := &Tree{raw: raw, off: make([]uint32, 0, len(raw)/36+2)}
	var prev []byte
	var prevDir bool
	for p := 0; p < len(raw); {
		mode, name, next, err := splitEntry(raw, p)
		if err != nil {
			return nil, err
		}
		if p > 0 && compareNames(prev, prevDir, name, mode.IsDir()) >= 0 {
			return nil, malformed("tree not sorted at %q", name)
		}
		t.off = append(t.off, uint32(p))
		prev, prevDir = name, mode.IsDir()
		p = next
	}
	t.off = append(t.off, uint32(len(raw)))
	return t, nil
}

func splitEntry(raw []byte, p int) (m Mode, name []byte, next int, err error) {
	q := p
	for ; q < len(raw) && raw[q] != ' '; q++ {
		d := raw[q] - '0'
		if d > 7 || q-p > 7 {
			return 0, nil, 0, malformed("tree entry mode")
		}
		m = m<<3 | Mode(d)
	}
	if q == p || q >= len(raw) {
		return 0, nil, 0, malformed("tree entry mode")
	}
	q++
	n := bytes.IndexByte(raw[q:], 0)
	if n <= 0 || q+n+21 > len(raw) {
		return 0, nil, 0, malformed("tree entry cut short")
	}
	name = raw[q : q+n]
	if bytes.IndexByte(name, '/') >= 0 {
		return 0, nil, 0, malformed("tree entry with a slash")
	}
	return m, name, q + n + 21, nil
}

// NextEntry reads the entry at byte p of a tree without regard to the others: its mode, its name within raw, and where
// the next begins, before which stand the twenty bytes of its object's id.
func NextEntry(raw []byte, p int) (m Mode, name []byte, next int, err error) {
	return splitEntry(raw, p)
}

// compareNames is git's order of entries: a folder sorts as if its name ended in a slash.
func compareNames(a []byte, aDir bool, b []byte, bDir bool) int {
	n := min(len(a), len(b))
	if c := bytes.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	return int(endByte(a, n, aDir)) - int(endByte(b, n, bDir))
}

func endByte(name []byte, n int, dir bool) byte {
	switch {
	case n < len(name):
		return name[n]
	case dir:
		return '/'
	}
	return 0
}

// Len is the number of entries.
func (t *Tree) Len() int { return len(t.off) - 1 }

// Raw is the tree as git stores it; do not change it.
func (t *Tree) Raw() []byte { return t.raw }

// Weight is about how many bytes of memory the tree holds.
func (t *Tree) Weight() int64 { return int64(cap(t.raw)) + 4*int64(cap(t.off)) + 64 }

func (t *Tree) split(i int) (m Mode, name []byte, oid []byte) {
	e := t.raw[t.off[i]:t.off[i+1]]
	q := 0
	for ; e[q] != ' '; q++ {
		m = m<<3 | Mode(e[q]-'0')
	}
	return m, e[q+1 : len(e)-21], e[len(e)-20:]
}

// At is entry i.
func (t *Tree) At(i int) TreeEntry {
	m, name, oid := t.Look(i)
	return TreeEntry{Name: string(name), Mode: m, OID: oid}
}

// Look is entry i with its name within the tree's bytes; do not change it.
func (t *Tree) Look(i int) (m Mode, name []byte, oid hub.OID) {
	m, name, id := t.split(i)
	return m, name, hub.OID(id)
}

// Name is the name of entry i, within the tree's bytes; do not change it.
func (t *Tree) Name(i int) []byte {
	_, name, _ := t.split(i)
	return name
}

// Span is the bytes of the entries from i to before j, for building a changed tree by copying what did not change.
func (t *Tree) Span(i, j int) []byte { return t.raw[t.off[i]:t.off[j]] }

// Seek is the index of the first entry that is not before name; dir says whether name is taken as a folder.
func (t *Tree) Seek(name string, dir bool) int {
	return sort.Search(t.Len(), func(i int) bool {
		m, n, _ := t.split(i)
		return compareNames(n, m.IsDir(), []byte(name), dir) >= 0
	})
}

// Find is the index of the entry with the name, file or folder.
func (t *Tree) Find(name string) (int, bool) {
	for _, dir := range [2]bool{true, false} {
		if i := t.Seek(name, dir); i < t.Len() && string(t.Name(i)) == name {
			return i, true
		}
	}
	return 0, false
}

// Lookup is the entry with the name.
func (t *Tree) Lookup(name string) (TreeEntry, bool) {
	i, ok := t.Find(name)
	if !ok {
		return TreeEntry{}, false
	}
	return t.At(i), true
}

// AppendEntry appends an entry as trees store it. Entries must be appended in git's order; see SortEntries.
func AppendEntry(raw []byte, e TreeEntry) []byte {
	raw = fmt.Appendf(raw, "%o ", uint32(e.Mode))
	raw = append(raw, e.Name...)
	raw = append(raw, 0)
	return append(raw, e.OID[:]...)
}

// SortEntries puts entries into git's order.
func SortEntries(es []TreeEntry) {
	slices.SortFunc(es, func(a, b TreeEntry) int { return CompareEntries(a.Name, a.Mode.IsDir(), b.Name, b.Mode.IsDir()) })
}

// CompareEntries is git's order of two entries of one folder.
func CompareEntries(a string, aDir bool, b string, bDir bool) int {
	return compareNames([]byte(a), aDir, []byte(b), bDir)
}

// EncodeTree sorts entries and encodes them.
func EncodeTree(es []TreeEntry) []byte {
	SortEntries(es)
	var raw []byte
	for _, e := range es {
		raw = AppendEntry(raw, e)
	}
	return raw
}

// EntriesWithin is the number of entries that lie wholly in the first n bytes.
func (t *Tree) EntriesWithin(n int) int {
	return sort.Search(t.Len(), func(i int) bool { return int(t.off[i+1]) > n })
}
