package xetapi_test

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/xet"
)

// TestDirectAddresses gives clients addresses of the store, by which they get the bytes of their file and no others.
func TestDirectAddresses(t *testing.T) {
	d := OnS3(t)
	h := furnish(t, d)
	d.Upload(h.write, h.up)
	size := uint64(len(h.data))
	for _, p := range []string{"/v2/reconstructions/", "/v1/reconstructions/"} {
		Equal(t, d.Download(h.read, p+h.file(), 0, size), h.data)
		Equal(t, d.Download(h.read, p+h.file(), 777_777, 1_000_000), h.data[777_777:1_777_777])
	}
	ask := func() (fs []Fetch) {
		var rec Reconstruction
		d.Do("GET", "/v2/reconstructions/"+h.file(), h.read, nil, "Range", "bytes=500000-900000").Want(t, 200).JSON(t, &rec)
		for list := range maps.Values(rec.Fetches()) {
			fs = append(fs, list...)
		}
		return fs
	}
	span := func(a, b uint64) string { return fmt.Sprintf("bytes=%d-%d", a, b) }
	for _, f := range ask() {
		if strings.HasPrefix(f.URL, d.URL) {
			t.Fatal("an address of the hub:", f.URL)
		}
		d.Do("GET", f.URL, "", nil, "Range", span(f.Bytes.Start, f.Bytes.End)).Want(t, 206)
		for what, r := range map[string]string{
			"before": span(0, f.Bytes.End), "behind": span(f.Bytes.Start, f.Bytes.End+1), "a part": span(f.Bytes.Start, f.Bytes.End-1), "to the end": fmt.Sprintf("bytes=%d-", f.Bytes.Start),
			"last bytes": "bytes=-1000", "two": span(f.Bytes.Start, f.Bytes.End) + ",0-10", "other unit": "octets=0-10", "spelled otherwise": fmt.Sprintf("bytes=%d- %d", f.Bytes.Start, f.Bytes.End),
		} {
			if a := d.Do("GET", f.URL, "", nil, "Range", r); a.StatusCode != 403 {
				t.Errorf("%s: %d, %d bytes", what, a.StatusCode, len(a.Bytes))
			}
		}
		if a := d.Do("GET", f.URL, "", nil); a.StatusCode != 403 {
			t.Errorf("without a range: %d, %d bytes", a.StatusCode, len(a.Bytes))
		}
		for _, method := range []string{"HEAD", "PUT", "DELETE", "POST"} {
			if a := d.Do(method, f.URL, "", nil, "Range", span(f.Bytes.Start, f.Bytes.End)); a.StatusCode/100 == 2 {
				t.Errorf("%s: %d", method, a.StatusCode)
			}
		}
		u, err := url.Parse(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("X-Amz-Expires", "86400")
		u.RawQuery = q.Encode()
		if a := d.Do("GET", u.String(), "", nil, "Range", span(f.Bytes.Start, f.Bytes.End)); a.StatusCode != 403 {
			t.Errorf("a longer life: %d", a.StatusCode)
		}
	}
	addresses := func() map[string]bool {
		set := map[string]bool{}
		for _, f := range ask() {
			set[f.URL] = true
		}
		return set
	}
	one, two := addresses(), addresses()
	if three := addresses(); !maps.Equal(one, two) && !maps.Equal(two, three) { // a window may end once
		t.Error("equal questions get unequal addresses")
	}
	d.Do("GET", "/v2/reconstructions/"+h.file(), h.loots, nil).Want(t, 404)
}

// TestDirectAddressesLeaveDamageToTheHub: what is known to be damaged goes through the hub, which sees what of it is well.
func TestDirectAddressesLeaveDamageToTheHub(t *testing.T) {
	d := OnS3(t)
	h := furnish(t, d)
	d.Upload(h.write, h.up)
	bad := h.up.Xorbs[0].Hash
	if err := d.MarkDamaged(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	var rec Reconstruction
	d.Do("GET", "/v2/reconstructions/"+h.file(), h.read, nil).Want(t, 200).JSON(t, &rec)
	seen := map[bool]int{}
	for name, list := range rec.Fetches() {
		x, err := xet.ParseHash(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			here := strings.HasPrefix(f.URL, d.URL)
			seen[here]++
			if here != (x == bad) {
				t.Errorf("xorb %s, damaged %v: %s", x, x == bad, f.URL)
			}
		}
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("the test needs both: %v", seen)
	}
	Equal(t, d.Download(h.read, "/v2/reconstructions/"+h.file(), 0, uint64(len(h.data))), h.data)
}
