package crash

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Ledger is what a hub must hold: the effects of every acknowledged operation. Operations whose answer never came are
// open: the hub may have done all of such an operation or nothing. No two operations that run at once may touch the same
// key.
type Ledger struct {
	mu      sync.Mutex
	holds   map[Key]Value
	fresh   map[Key]bool // acknowledged since the last check
	open    map[int]*Op
	touched map[Key]bool // branches of operations since the last check
	next    int
	frozen  bool

	Figures
}

// Figures count operations. Open ones turned out to be done or not.
type Figures struct {
	Acknowledged, Files, Opened, Done, Undone, Refused int
}

// Key names a file, a branch when Path is empty, or a repository when Branch is empty too.
type Key struct{ Repo, Branch, Path string }

// Value is what a key holds; the zero value is nothing.
type Value struct {
	There bool
	SHA   string // of a file
	Git   string // the id of a small file in git
	Size  int64
}

// Op is an operation that has begun.
type Op struct {
	id    int
	After map[Key]Value
}

// NewLedger is the ledger of an empty hub.
func NewLedger() *Ledger {
	return &Ledger{holds: map[Key]Value{}, fresh: map[Key]bool{}, open: map[int]*Op{}, touched: map[Key]bool{}}
}

// FileValue is what a file's key holds.
func FileValue(f Change) Value {
	if f.Gone {
		return Value{}
	}
	v := Value{There: true, SHA: SHA(f.Data), Size: int64(len(f.Data))}
	if !f.Large {
		v.Git = GitID(f.Data)
	}
	return v
}

// Begin notes an operation before its request is sent.
func (l *Ledger) Begin(after map[Key]Value) *Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	op := &Op{id: l.next, After: after}
	if !l.frozen {
		l.open[op.id] = op
	}
	return op
}

// Freeze makes the ledger one of this instant: what is acknowledged from now on is no promise, but open. The client that the load
// uses must be closed before: nothing may begin any more. Thaw ends it when all requests have.
func (l *Ledger) Freeze() { l.setFrozen(true) }

// Thaw has the ledger take promises again.
func (l *Ledger) Thaw() { l.setFrozen(false) }

func (l *Ledger) setFrozen(frozen bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = frozen
}

// End notes the answer: success is a promise, a refusal means nothing was done, anything else leaves it open.
func (l *Ledger) End(op *Op, a Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.frozen:
	case a.OK():
		l.adopt(op)
		l.Acknowledged++
		for k, v := range op.After {
			if k.Path != "" && v.There {
				l.Files++
			}
		}
	case a.Status >= 400 && a.Status < 500 || a.Status == http.StatusInsufficientStorage:
		delete(l.open, op.id)
		l.Refused++
	}
}

func (l *Ledger) adopt(op *Op) {
	delete(l.open, op.id)
	for k, v := range op.After {
		l.touched[k.branch()] = true
		if v.There {
			l.holds[k] = v
			l.fresh[k] = true
		} else {
			delete(l.holds, k)
			delete(l.fresh, k)
		}
	}
}

// Below are the keys that go with a repository or branch, itself included.
func (l *Ledger) Below(k Key) []Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Key
	for h := range l.holds {
		if h.Repo == k.Repo && (k.Branch == "" || h.Branch == k.Branch) && (k.Path == "" || h.Path == k.Path) {
			out = append(out, h)
		}
	}
	return out
}

// Any is a file of a repository that was acknowledged, if there is one.
func (l *Ledger) Any(repo string) (Key, Value, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, v := range l.holds {
		if k.Repo == repo && k.Path != "" {
			return k, v, true
		}
	}
	return Key{}, Value{}, false
}

// Get is what a key holds.
func (l *Ledger) Get(k Key) Value {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds[k]
}

// Check compares the hub with the ledger and returns what is wrong. Nothing else may use the ledger meanwhile. All files
// are read and all branches listed, or only those that operations have touched since the last check.
func (l *Ledger) Check(c *Client, all bool) (wrong []string) {
	l.Opened += len(l.open)
	for _, op := range l.open {
		for k := range op.After {
			l.touched[k.branch()] = true
		}
		wrong = append(wrong, l.settle(c, op)...)
	}
	l.open = map[int]*Op{}
	wrong = append(wrong, l.listings(c, all)...)
	var read []Key
	for k := range l.holds {
		if k.Path != "" && (all || l.fresh[k]) {
			read = append(read, k)
		}
	}
	clear(l.fresh)
	clear(l.touched)
	return append(wrong, readAll(read, func(k Key) string { return l.look(c, k) })...)
}

// settle finds out whether an open operation was done, and complains unless it was done wholly or not at all.
func (l *Ledger) settle(c *Client, op *Op) (wrong []string) {
	var done, undone []string
	for k, after := range op.After {
		before := l.holds[k]
		if before == after {
			continue
		}
		now, err := observe(c, k)
		switch {
		case err != nil:
			wrong = append(wrong, err.Error())
		case now.same(after):
			done = append(done, k.String())
		case now.same(before):
			undone = append(undone, k.String())
		default:
			wrong = append(wrong, fmt.Sprintf("%s is neither what it was nor what an open operation makes of it: %+v", k, now))
		}
	}
	if len(done) > 0 && len(undone) > 0 {
		slices.Sort(done)
		slices.Sort(undone)
		wrong = append(wrong, fmt.Sprintf("half visible: an open operation was done to %v but not to %v", done, undone))
	}
	if len(done) > 0 {
		l.Done++
		l.adopt(op)
	} else {
		l.Undone++
	}
	return wrong
}

// look reads a file that was acknowledged.
func (l *Ledger) look(c *Client, k Key) string {
	now, err := observe(c, k)
	switch want := l.holds[k]; {
	case err != nil:
		return err.Error()
	case !now.There:
		return fmt.Sprintf("lost: %s", k)
	case !now.same(want):
		return fmt.Sprintf("wrong bytes: %s has %s (%d bytes), want %s (%d bytes)", k, now.SHA, now.Size, want.SHA, want.Size)
	}
	return ""
}

// observe is what the hub holds for a key.
func observe(c *Client, k Key) (Value, error) {
	var a Answer
	switch {
	case k.Path != "":
		a = c.Resolve(k.Repo, k.Branch, k.Path)
	case k.Branch != "":
		a = c.Do(http.MethodGet, api(k.Repo)+"/revision/"+k.Branch, nil)
	default:
		a = c.Do(http.MethodGet, api(k.Repo), nil)
	}
	switch {
	case a.Status == http.StatusNotFound:
		return Value{}, nil
	case !a.OK():
		return Value{}, fmt.Errorf("%s cannot be read: %s", k, a)
	case k.Path == "":
		return Value{There: true}, nil
	}
	return Value{There: true, SHA: SHA(a.Body), Size: int64(len(a.Body))}, nil
}

// same compares what can be seen by reading.
func (v Value) same(w Value) bool { return v.There == w.There && v.SHA == w.SHA && v.Size == w.Size }

// listings compares the tree of every branch with the ledger: all files with their ids and sizes, and no others.
func (l *Ledger) listings(c *Client, all bool) (wrong []string) {
	want := map[Key]map[string]Value{}
	for k, v := range l.holds {
		branch := k.branch()
		if k.Branch == "" || !all && !l.touched[branch] {
			continue
		}
		if want[branch] == nil {
			want[branch] = map[string]Value{}
		}
		if k.Path != "" {
			want[branch][k.Path] = v
		}
	}
	return readAll(slices.Collect(maps.Keys(want)), func(b Key) string { return compare(c, b, want[b]) })
}

func compare(c *Client, b Key, want map[string]Value) string {
	files, found, err := c.Tree(b.Repo, b.Branch)
	if err != nil {
		return err.Error()
	}
	if !found {
		return fmt.Sprintf("lost: %s", b)
	}
	var wrong []string
	for path, v := range want {
		e, ok := files[path]
		delete(files, path)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("lost from the listing: %s %s", b, path))
		case v.Git != "" && (e.OID != v.Git || e.LFS != nil), v.Git == "" && (e.LFS == nil || e.LFS.OID != v.SHA), e.Size != v.Size:
			wrong = append(wrong, fmt.Sprintf("the listing differs: %s %s is %+v, want %+v", b, path, e, v))
		}
	}
	for path := range files {
		if path != ".gitattributes" { // a new repository has one
			wrong = append(wrong, fmt.Sprintf("listed, but nobody put it there: %s %s", b, path))
		}
	}
	return strings.Join(wrong, "\n")
}

// readAll asks for keys, some at a time, and collects what is wrong.
func readAll(keys []Key, look func(Key) string) (wrong []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, k := range keys {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			if w := look(k); w != "" {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, w)
			}
		}()
	}
	wg.Wait()
	return wrong
}

func (k Key) branch() Key { return Key{Repo: k.Repo, Branch: k.Branch} }

func (k Key) String() string { return strings.TrimRight(k.Repo+"@"+k.Branch+":"+k.Path, "@:") }
