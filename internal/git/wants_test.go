package git

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// ParseWants reads to the packet that git takes for the end of the wants, and not a byte of what follows.
func TestParseWants(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	pkt := func(lines ...string) string {
		var out []byte
		for _, l := range lines {
			out = AppendPkt(out, l)
		}
		return string(out)
	}
	for _, row := range []struct {
		name, in string
		wants    int // -1: malformed
		rest     string
	}{
		{"wants", pkt("want "+a+" multi_ack\n", "want "+b+"\n", "shallow "+a+"\n", "deepen 3\n", "filter blob:none\n") + "0000" + pkt("have "+a), 2, pkt("have " + a)},
		{"ended by a delimiter", pkt("want "+a+"\n") + "0001" + pkt("want "+b+"\n"), 1, pkt("want " + b + "\n")},
		{"nothing", "0000", 0, ""},
		{"end at once", "", 0, ""},
		{"no end", pkt("want " + a + "\n"), -1, ""},
		{"upper case", pkt("want "+strings.ToUpper(a)+"\n") + "0000", -1, ""},
		{"short", pkt("want aaaa\n") + "0000", -1, ""},
		{"two blanks", pkt("want  "+a+"\n") + "0000", -1, ""},
		{"cut", pkt("want " + a + "\n")[:20], -1, ""},
	} {
		in := strings.NewReader(row.in)
		q, err := ParseWants(NewPktReader(in, 1<<20))
		if (err != nil) != (row.wants < 0) || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if rest, _ := io.ReadAll(in); err == nil && (len(q.Wants) != row.wants || string(rest) != row.rest) {
			t.Errorf("%s: %d wants, rest %q", row.name, len(q.Wants), rest)
		}
	}
}

// Only a depth that can be read in one way, and is far from infinite, is taken for one that wants alone cut.
func TestParseDeepen(t *testing.T) {
	a := strings.Repeat("a", 40)
	for line, completes := range map[string]bool{
		"shallow " + a: false, "deepen 1": false, "deepen 999999999": false, "deepen-since 1": false, "deepen-not x": false,
		"deepen 2147483647": true, "deepen 0x7fffffff": true, "deepen 017777777777": true, "deepen 0": true, "deepen ": true, "deepen -1": true,
		"deepen +1": true, "deepen  1": true, "deepen 1 ": true, "deepen 6442450943": true, "deepen-relative": true, "want " + a + " deepen-relative": true,
	} {
		q, err := ParseWants(NewPktReader(strings.NewReader(string(AppendPkt(AppendPkt(nil, "want "+a), line+"\n"))+"0000"), 1<<20))
		if err != nil || q.Completes != completes || (len(q.Shallow) == 1) != strings.HasPrefix(line, "shallow ") {
			t.Errorf("%q: %+v, %v", line, q, err)
		}
	}
	for _, line := range []string{"shallow ", "shallow aaaa", "shallow " + strings.ToUpper(a), "shallow  " + a} {
		if _, err := ParseWants(NewPktReader(strings.NewReader(string(AppendPkt(nil, line))+"0000"), 1<<20)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", line, err)
		}
	}
}
