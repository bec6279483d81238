package backup

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// object is one that rows name.
type object struct {
	key  string
	size int64 // bytes, as far as the rows know; -1: they do not
}

// keySorter puts any number of objects in the order of their keys, each once. It holds some in memory and the rest in
// files without a name.
type keySorter struct {
	dir  string // for the files; empty: the system's
	max  int    // objects in memory
	held []object
	runs []*os.File
}

const heldObjects = 100_000 // of about 150 bytes

func newKeySorter(dir string) *keySorter { return &keySorter{dir: dir, max: heldObjects} }

func (s *keySorter) add(key string, size int64) error {
	s.held = append(s.held, object{key, size})
	if len(s.held) < s.max {
		return nil
	}
	return s.spill()
}

func (s *keySorter) sortHeld() {
	slices.SortFunc(s.held, func(a, b object) int { return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(b.size, a.size)) })
}

func (s *keySorter) spill() error {
	s.sortHeld()
	f, err := tempfile.New(s.dir)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, f)
	w := bufio.NewWriter(f)
	for _, o := range s.held {
		if _, err := w.Write(appendObject(nil, o)); err != nil {
			return err
		}
	}
	s.held = s.held[:0]
	return w.Flush()
}

func (s *keySorter) close() {
	for _, f := range s.runs {
		_ = f.Close()
	}
}

// objects gives objects in the order of their keys; ok is false after the last.
type objects func(ctx context.Context) (o object, ok bool, err error)

// sorted is all that was added. It may be called again, after the one before is done with.
func (s *keySorter) sorted() (objects, error) {
	s.sortHeld()
	h := &runHeap{}
	i := 0
	if err := h.take(func() (object, bool, error) {
		if i == len(s.held) {
			return object{}, false, nil
		}
		i++
		return s.held[i-1], true, nil
	}); err != nil {
		return nil, err
	}
	for _, f := range s.runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		in := bufio.NewReader(f)
		if err := h.take(func() (object, bool, error) { return readObjectLine(in) }); err != nil {
			return nil, err
		}
	}
	last := ""
	return func(ctx context.Context) (object, bool, error) {
		for {
			o, ok, err := h.next()
			if err != nil || !ok {
				return o, ok, err
			}
			if o.key != last { // the first of a key is the one that knows its size
				last = o.key
				return o, true, ctx.Err()
			}
		}
	}, nil
}

// run is a sorted list that is read on.
type run struct {
	head object
	next func() (object, bool, error)
}

// runHeap merges runs.
type runHeap []run

func (h runHeap) Len() int { return len(h) }
func (h runHeap) Less(i, j int) bool {
	return cmp.Or(strings.Compare(h[i].head.key, h[j].head.key), cmp.Compare(h[j].head.size, h[i].head.size)) < 0
}
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)   { *h = append(*h, x.(run)) }
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (h *runHeap) take(next func() (object, bool, error)) error {
	head, ok, err := next()
	if ok && err == nil {
		heap.Push(h, run{head, next})
	}
	return err
}

func (h *runHeap) next() (o object, ok bool, err error) {
	if h.Len() == 0 {
		return o, false, nil
	}
	top := &(*h)[0]
	o = top.head
	if top.head, ok, err = top.next(); err != nil {
		return o, false, err
	}
	if ok {
		heap.Fix(h, 0)
	} else {
		heap.Pop(h)
	}
	return o, true, nil
}

func appendObject(b []byte, o object) []byte {
	return append(append(append(strconv.AppendInt(b, o.size, 10), ' '), o.key...), '\n')
}

func parseObject(line string) (object, error) {
	size, key, ok := strings.Cut(line, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || n < -1 {
		return object{}, fmt.Errorf("%.80q is no line of a list of objects", line)
	}
	return object{key, n}, blob.ValidKey(key)
}

func readObjectLine(in *bufio.Reader) (object, bool, error) {
	line, err := in.ReadString('\n')
	if err == io.EOF && line == "" {
		return object{}, false, nil
	}
	if err != nil {
		return object{}, false, err
	}
	o, err := parseObject(strings.TrimSuffix(line, "\n"))
	return o, err == nil, err
}

// listWriter writes the list of a copy's objects.
type listWriter struct {
	w    *partWriter
	list ObjectList
	line []byte
}

func newListWriter(ctx context.Context, s blob.Store, id string) (*listWriter, error) {
	w, err := newPartWriter(ctx, s, func(int) string { return catalogueDir + id + "/objects" })
	if err != nil {
		return nil, err
	}
	w.partSize = 0 // all in one
	return &listWriter{w: w}, nil
}

func (l *listWriter) add(o object) error {
	l.list.Count++
	l.list.Bytes += max(o.size, 0)
	l.line = appendObject(l.line[:0], o)
	return l.w.record(l.line[:len(l.line)-1])
}

func (l *listWriter) finish() (ObjectList, error) {
	parts, err := l.w.finish()
	if err == nil {
		l.list.Part = parts[0]
	}
	return l.list, err
}

// readList gives the objects of a copy's list, and damage when it is not as it was written. close ends it.
func readList(ctx context.Context, s blob.Store, m *Manifest) (next objects, end func(), err error) {
	r, err := newPartReader(ctx, s, []Part{m.Objects.Part})
	if err != nil {
		return nil, nil, err
	}
	last, count := "", int64(0)
	return func(context.Context) (object, bool, error) {
		record, err := r.next()
		if err == io.EOF {
			if count != m.Objects.Count {
				return object{}, false, torn(m.Objects.Key, fmt.Sprintf("it names %d objects and not %d", count, m.Objects.Count))
			}
			return object{}, false, nil
		}
		if err != nil {
			return object{}, false, err
		}
		o, err := parseObject(string(record))
		if err != nil || o.key <= last {
			return o, false, torn(m.Objects.Key, "its lines are no sorted list")
		}
		last = o.key
		count++
		return o, true, nil
	}, r.close, nil
}
