package git

import "fmt"

// applyDelta makes the object that delta describes over base. limit bounds the object's size in bytes.
func applyDelta(base, delta []byte, limit int64) ([]byte, error) {
	baseSize, size, rest, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	if baseSize != int64(len(base)) {
		return nil, malformed("delta for a base of %d bytes, not %d", baseSize, len(base))
	}
	if size > limit {
		return nil, fmt.Errorf("%w: %d bytes by delta", ErrLimit, size)
	}
	// Memory grows with the instructions, not with the promise: a delta that lies about its size costs little.
	out := make([]byte, 0, min(size, max(int64(len(base)+len(delta)), 1<<20)))
	for len(rest) > 0 {
		var part []byte
		if part, rest, err = deltaPart(base, rest); err != nil {
			return nil, err
		}
		if int64(len(out)+len(part)) > size {
			return nil, malformed("delta makes more than %d bytes", size)
		}
		out = append(out, part...)
	}
	if int64(len(out)) != size {
		return nil, malformed("delta makes %d of %d bytes", len(out), size)
	}
	return out, nil
}

// deltaSizes reads the sizes of base and result, the first two numbers of a delta.
func deltaSizes(delta []byte) (base, result int64, rest []byte, err error) {
	if base, rest, err = deltaVarint(delta); err == nil {
		result, rest, err = deltaVarint(rest)
	}
	return base, result, rest, err
}

func deltaVarint(b []byte) (int64, []byte, error) {
	var v int64
	for i := 0; i < len(b) && i < 8; i++ {
		v |= int64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, b[i+1:], nil
		}
	}
	return 0, nil, malformed("delta size")
}

// deltaPart reads one instruction: copy from the base (high bit) or insert the bytes that follow.
func deltaPart(base, d []byte) (part, rest []byte, err error) {
	op := d[0]
	d = d[1:]
	if op&0x80 == 0 {
		n := int(op)
		if n == 0 || n > len(d) {
			return nil, nil, malformed("delta insert")
		}
		return d[:n], d[n:], nil
	}
	var off, n int64
	for i := 0; i < 7; i++ {
		if op&(1<<i) == 0 {
			continue
		}
		if len(d) == 0 {
			return nil, nil, malformed("delta copy cut short")
		}
		if i < 4 {
			off |= int64(d[0]) << (8 * i)
		} else {
			n |= int64(d[0]) << (8 * (i - 4))
		}
		d = d[1:]
	}
	if n == 0 {
		n = 0x10000
	}
	if off+n > int64(len(base)) {
		return nil, nil, malformed("delta copy outside the base")
	}
	return base[off : off+n], d, nil
}
