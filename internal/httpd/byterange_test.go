package httpd

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		h    string
		size int64
		want []Span
		bad  bool
	}{
		{"", 10, nil, false},
		{"bytes=0-0", 10, []Span{{0, 1}}, false},
		{"bytes=2-", 10, []Span{{2, 8}}, false},
		{"bytes=-3", 10, []Span{{7, 3}}, false},
		{"bytes=-30", 10, []Span{{0, 10}}, false},
		{"bytes=5-18446744073709551614", 10, []Span{{5, 5}}, false},
		{"bytes=9-18446744073709551615", 10, []Span{{9, 1}}, false},
		{"bytes=0-1, 4-5", 10, []Span{{0, 2}, {4, 2}}, false},
		{"bytes=0-1,20-", 10, []Span{{0, 2}}, false},
		{"bytes=10-", 10, nil, true},
		{"bytes=0-0", 0, nil, true},
		{"bytes=-0", 10, nil, true},
		{"bytes=0-9,0-9", 10, nil, true},
		{"bytes=5-4", 10, nil, false},
		{"bytes=x-4", 10, nil, false},
		{"items=0-4", 10, nil, false},
		{"bytes=" + strings.Repeat("0-0,", 64) + "1-1", 1000, nil, true},
	} {
		got, err := ParseRange(c.h, c.size)
		if (err != nil) != c.bad || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q of %d: %v, %v; want %v, error %v", c.h, c.size, got, err, c.want, c.bad)
		}
	}
}
