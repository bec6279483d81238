package backup

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
)

// Report is what was found when a copy was looked at.
type Report struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Rows    int64     `json:"rows"`
	Objects int64     `json:"objects"`
	Bytes   int64     `json:"bytes"` // that were read of objects; 0: they were only looked for
	Found   []Damage  `json:"found,omitempty"`
	More    int64     `json:"more,omitempty"` // found beyond those
	Missing int64     `json:"missing_at_source,omitempty"`
}

// Clean reports that nothing was found.
func (r *Report) Clean() bool { return len(r.Found) == 0 && r.More == 0 }

// Verify looks at a copy: its manifest, all its rows, and that each of its objects is there and as long as it should be;
// with data, that every byte of them is right. Damage is in the report; an error says that it could not be looked at.
func Verify(ctx context.Context, s blob.Store, m *Manifest, kinds []Kind, data bool) (*Report, error) {
	r := &Report{ID: m.ID, Created: m.Created, Rows: m.RowCount(), Missing: m.NumDamaged()}
	found := &damageList{}
	defer func() { r.Found, r.More = found.list, found.more }()
	if err := checkRows(ctx, s, m); err != nil {
		if !isDamage(err) {
			return r, err
		}
		found.add(Damage{Key: keyOf(err), State: stateOf(err)})
	}
	err := checkObjects(ctx, s, m, kinds, data, r, found)
	if isDamage(err) { // of the list
		found.add(Damage{Key: keyOf(err), State: stateOf(err)})
		err = nil
	}
	return r, err
}

// objectPrefix is where a copy's objects are.
func (m *Manifest) objectPrefix() string {
	if m.Copied {
		return objectDir
	}
	return ""
}

// checkObjects compares the list with what is there.
func checkObjects(ctx context.Context, s blob.Store, m *Manifest, kinds []Kind, data bool, r *Report, found *damageList) error {
	next, end, err := readList(ctx, s, m)
	if err != nil {
		return err
	}
	defer end()
	v := &verifier{store: s, dir: m.objectPrefix(), kinds: kinds, data: data, report: r, found: found}
	return v.run(ctx, next)
}

type verifier struct {
	store  blob.Store
	dir    string
	kinds  []Kind
	data   bool
	report *Report

	mu    sync.Mutex
	found *damageList
}

// run reads in batches, as copier does.
func (v *verifier) run(ctx context.Context, next objects) error {
	c := &copier{kinds: v.kinds, to: v.store, toDir: v.dir}
	there := newLister(v.store, v.dir)
	var have *blob.Info
	for {
		batch, err := c.batch(ctx, next, there, &have)
		if err != nil || len(batch) == 0 {
			return err
		}
		v.report.Objects += int64(len(batch))
		if err := eachAtOnce(ctx, len(batch), func(ctx context.Context, i int) error { return v.one(ctx, batch[i]) }); err != nil {
			return err
		}
	}
}

func (v *verifier) one(ctx context.Context, t task) error {
	kind, err := kindOf(v.kinds, t.key)
	if err != nil {
		return err
	}
	switch {
	case t.have == nil:
		v.add(t.key, blob.Absent)
		return nil
	case t.have.Size != t.size && t.have.Size < t.size:
		v.add(t.key, blob.Short)
		return nil
	case t.have.Size != t.size:
		v.add(t.key, blob.Corrupt)
		return nil
	case !v.data:
		return nil
	}
	n, err := kind.Copy(ctx, within(v.store, v.dir), t.key, io.Discard)
	if isDamage(err) {
		v.add(t.key, stateOf(err))
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Bytes += n
	return err
}

func (v *verifier) add(key string, state blob.State) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found.add(Damage{Key: v.dir + key, State: state})
}

// keyOf is the object that an error blames.
func keyOf(err error) string {
	var d *blob.DamageError
	if errors.As(err, &d) {
		return d.Key
	}
	return ""
}
