package httpd_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/httpd"
)

// TestJSONStringInPieces: however the text is cut, the string says the same.
func TestJSONStringInPieces(t *testing.T) {
	text := "plain é \U0001f600 \"quoted\" back\\slash\ttab\nline\x00\x1f\u2028\u2029 caf\xe9 \xf0\x9f\x98 cut \xff</script>"
	for _, text := range []string{text, "", "\xe2", "a\xe2\x80"} {
		for size := 1; size <= len(text)+1; size++ {
			var b strings.Builder
			j := httpd.NewJSONString(&b)
			for at := 0; at < len(text); at += size {
				if n, err := j.Write([]byte(text[at:min(at+size, len(text))])); err != nil || n == 0 {
					t.Fatal(n, err)
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			var got string
			if err := json.Unmarshal([]byte(b.String()), &got); err != nil || strings.ReplaceAll(got, "\ufffd", "") != strings.ToValidUTF8(text, "") {
				t.Errorf("pieces of %d: %v %q", size, err, got)
			}
		}
	}
}

// TestPlacesComeBack: in all and for each client, and only while they are held.
func TestPlacesComeBack(t *testing.T) {
	p, h := httpd.NewPlaces(3, 2), map[string][]string{}
	var leave []func()
	for i, row := range []struct {
		client string
		ok     bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"b", false}, {"c", false}} {
		l, err := p.Enter(h, row.client)
		if (err == nil) != row.ok {
			t.Fatalf("%d: %v", i, err)
		}
		if err == nil {
			leave = append(leave, l)
		} else if h["Retry-After"] == nil {
			t.Error("no Retry-After")
		}
	}
	for _, l := range leave {
		l()
	}
	for _, client := range []string{"c", "c", "a"} {
		if _, err := p.Enter(h, client); err != nil {
			t.Error(err)
		}
	}
}
