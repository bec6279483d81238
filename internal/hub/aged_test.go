package hub

import "testing"

func TestAgedCursors(t *testing.T) {
	a := Aged{At: 1_767_000_000_123_456, ID: NewID()}
	c := a.Cursor()
	back, ok := ParseAged(c)
	if len(c) != 24 || !ok || back.At != a.At || back.ID != a.ID[:10] || !(a.ID >= back.ID) {
		t.Errorf("%q is %+v, want %+v", c, back, a)
	}
	if first, ok := ParseAged(""); !ok || first.At <= a.At || first.ID <= a.ID {
		t.Errorf("the start is %+v", first)
	}
	for _, bad := range []string{"x", c[:23], c + "0", c[:23] + "G"} {
		if _, ok := ParseAged(bad); ok {
			t.Errorf("%q is taken for a cursor", bad)
		}
	}
}
