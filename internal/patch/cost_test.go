package patch_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/patch"
)

// hostile are pairs of texts that are dear to compare.
func hostile(lines int) map[string][2]string {
	w := writer{rand.New(rand.NewPCG(5, 6))}
	letters := func(kinds int) string {
		var b strings.Builder
		for range lines {
			b.WriteByte(byte('a' + w.IntN(kinds)))
			b.WriteByte('\n')
		}
		return b.String()
	}
	return map[string][2]string{
		"two kinds of lines":     {letters(2), letters(2)},
		"26 kinds of lines":      {letters(26), letters(26)},
		"shuffled":               {strings.Join(w.text(lines, lines), ""), strings.Join(w.text(lines, lines), "")},
		"the same line, shorter": {strings.Repeat("a\n", lines), strings.Repeat("a\n", lines/2)},
		"blank against text":     {strings.Repeat("\n", lines), strings.Repeat("x\n", lines)},
		"alternating":            {strings.Repeat("a\nb\n", lines/2), strings.Repeat("b\na\n", lines/2)},
		"alternating, nested":    {strings.Repeat("a\nb\n", lines/2), strings.Repeat("a\na\nb\n", lines/3)},
	}
}

// TestHostileTextsEndInTime: no text within the bounds of a caller may hold a processor for long.
func TestHostileTextsEndInTime(t *testing.T) {
	for name, p := range hostile(100_000) {
		start := time.Now()
		a, b := patch.NewText([]byte(p[0])), patch.NewText([]byte(p[1]))
		s := patch.Count(patch.Diff(a, b))
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: %v", name, took)
		} else {
			t.Logf("%s: %v, %d added, %d deleted", name, took, s.Added, s.Deleted)
		}
		if a.Len()-s.Deleted != b.Len()-s.Added {
			t.Errorf("%s: %d and %d lines do not fit %+v", name, a.Len(), b.Len(), s)
		}
	}
}

func BenchmarkOneMegabyte(b *testing.B) {
	w := writer{rand.New(rand.NewPCG(7, 8))}
	old := w.text(130_000, 5000)
	x, y := []byte(strings.Join(old, "")), []byte(strings.Join(w.edit(old, 100, 5000), ""))
	b.SetBytes(int64(len(x)))
	b.ReportAllocs()
	for b.Loop() {
		patch.Diff(patch.NewText(x), patch.NewText(y))
	}
}

func BenchmarkManyLines(b *testing.B) {
	var x, y strings.Builder
	for i := range 500_000 {
		fmt.Fprintln(&x, i)
		fmt.Fprintln(&y, -i)
	}
	p, q := []byte(x.String()), []byte(y.String())
	b.ReportAllocs()
	for b.Loop() {
		patch.Diff(patch.NewText(p), patch.NewText(q))
	}
}
