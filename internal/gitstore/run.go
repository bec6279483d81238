package gitstore

import (
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// run is what the catalogs know of some entries of a folder that follow each other; of what is no file, nothing. Catalogs
// are sorted by id, so each look-up goes somewhere else in memory and waits for it: what was found is kept in the order in
// which it is listed.
type run struct {
	from  int // the entry that the first is of
	infos []Info
}

// runKey names a run of a tree.
type runKey struct {
	objectKey
	number int
}

// runLength bounds what a page of a very large folder looks up beside its own entries.
const runLength = 256

func (f run) holds(i int) bool { return i >= f.from && i < f.from+len(f.infos) }
func (f run) at(i int) Info    { return f.infos[i-f.from] }

// weight is about how many bytes of memory the run takes.
func (f run) weight() int64 {
	n := int64(len(f.infos)) * 16
	for _, info := range f.infos {
		if info.Pointer != nil {
			n += 48
		}
	}
	return n
}

// run is the one of a tree that entry i belongs to.
func (w *walker) run(oid hub.OID, t *git.Tree, i int) run {
	key := runKey{objectKey{w.r.id, oid}, i / runLength}
	from := key.number * runLength
	if kept, ok := w.r.s.runs.Get(key); ok {
		return run{from, kept}
	}
	f := run{from, make([]Info, min(runLength, t.Len()-from))}
	whole := true
	for k := range f.infos {
		if mode, _, file := t.Look(from + k); mode.IsBlob() {
			info, ok := blobInfo(w.st, file)
			f.infos[k] = info
			whole = whole && ok
		}
	}
	if whole { // what is absent may yet come
		w.r.s.runs.Put(key, f.infos, f.weight())
	}
	return f
}
