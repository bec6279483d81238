package git

import "github.com/cairnhub/cairn/internal/hub"

// resolveDeltas gives ids to the deltas, from each whole object that is a base down its tree of deltas.
func (x *indexer) resolveDeltas() error {
	x.dropUnknownBases()
	for i := range x.objs {
		o := &x.objs[i]
		if o.Delta || len(x.children(o)) == 0 {
			continue
		}
		if err := x.descend(i); err != nil {
			return err
		}
	}
	if x.left > 0 {
		return malformed("%d deltas have no base in the pack", x.left)
	}
	return nil
}

// dropUnknownBases forgets deltas whose base is no entry; they stay counted in left and fail the pack.
func (x *indexer) dropUnknownBases() {
	known := make(map[int64]bool, len(x.byOff))
	for i := range x.objs {
		known[x.objs[i].Offset] = true
	}
	for off := range x.byOff {
		if !known[off] {
			delete(x.byOff, off)
		}
	}
}

func (x *indexer) children(o *ObjectInfo) []int32 {
	ofs := x.byOff[o.Offset]
	refs := x.byOID[o.OID]
	if len(refs) == 0 {
		return ofs
	}
	return append(append(make([]int32, 0, len(ofs)+len(refs)), ofs...), refs...)
}

// frame is one object on the way down; data is dropped when memory runs short and made again when needed.
type frame struct {
	obj  int
	kids []int32
	data []byte
}

// descend walks the deltas below a whole object, depth first. A frame that has begun its last child lets go of its
// data, so a plain chain holds two objects whatever its length.
func (x *indexer) descend(root int) error {
	stack := []frame{{obj: root, kids: x.children(&x.objs[root])}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.kids) == 0 {
			x.drop(top)
			stack = stack[:len(stack)-1]
			continue
		}
		if err := x.ensure(top); err != nil {
			return err
		}
		kid := int(top.kids[0])
		base := top.data
		if top.kids = top.kids[1:]; len(top.kids) == 0 {
			x.drop(top)
		}
		data, err := x.resolveKid(kid, &x.objs[top.obj], base)
		if err != nil {
			return err
		}
		next := frame{obj: kid}
		if kids := x.children(&x.objs[kid]); len(kids) > 0 {
			next.kids, next.data = kids, data
			x.live += int64(len(data))
			x.shed(stack)
		}
		stack = append(stack, next)
		if len(stack) > maxDepth {
			return malformed("delta chain longer than %d", maxDepth)
		}
	}
	return nil
}

func (x *indexer) drop(f *frame) {
	x.live -= int64(len(f.data))
	f.data = nil
}

// shed lets go of the oldest objects on the stack until what is held fits.
func (x *indexer) shed(stack []frame) {
	for i := range stack {
		if x.live <= x.lim.Memory {
			return
		}
		x.drop(&stack[i])
	}
}

// ensure makes a frame's data again.
func (x *indexer) ensure(f *frame) error {
	if f.data != nil {
		return nil
	}
	_, data, err := (&resolver{r: x.r, end: x.end, find: x.find}).resolve(x.objs[f.obj].Offset, x.lim.Object)
	if err != nil {
		return err
	}
	if data == nil {
		data = []byte{}
	}
	f.data = data
	x.live += int64(len(data))
	return x.spend(int64(len(data)) * int64(x.objs[f.obj].Depth+1))
}

// find is where a resolved object lies. Its table is made when memory first ran short: most packs never need it.
func (x *indexer) find(oid hub.OID) (int64, bool) {
	if x.offByOID == nil {
		x.offByOID = make(map[hub.OID]int64, len(x.objs))
		for i := range x.objs {
			if o := &x.objs[i]; !o.OID.IsZero() {
				x.offByOID[o.OID] = o.Offset
			}
		}
	}
	off, ok := x.offByOID[oid]
	return off, ok
}

func (x *indexer) resolveKid(kid int, parent *ObjectInfo, base []byte) ([]byte, error) {
	o := &x.objs[kid]
	if !o.OID.IsZero() {
		return nil, malformed("delta at %d has two bases", o.Offset)
	}
	delta, err := inflateAt(x.r, o.Offset, x.end, x.lim.Object)
	if err != nil {
		return nil, err
	}
	data, err := applyDelta(base, delta, x.lim.Object)
	if err != nil {
		return nil, err
	}
	o.Kind, o.Size, o.Depth = parent.Kind, int64(len(data)), parent.Depth+1
	o.OID = Hash(o.Kind, data)
	if x.offByOID != nil {
		x.offByOID[o.OID] = o.Offset
	}
	if o.Kind == KindBlob {
		o.Pointer = pointerIn(data)
	}
	x.left--
	return data, x.spend(int64(len(data) + len(delta)))
}
