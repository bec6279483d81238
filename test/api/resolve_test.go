package api

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

func TestResolve(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		body := strings.Repeat("0123456789", 100)
		alice := model(h, "alice", "m", map[string]string{"d/f.txt": body, "empty": "", "page.html": "<script>alert(1)</script>", "x.svg": "<svg onload=alert(1)>", "x.xml": "<x/>", "w.bin": "b", "c.json": "{}"})
		oid := head(h, alice, "alice/m", "main")
		path := "/alice/m/resolve/main/d/f.txt"
		whole := get(h, nobody, path)
		etag := whole.Header.Get("ETag")
		if string(whole.Body) != body || whole.Header.Get("X-Repo-Commit") != oid || len(etag) != 42 || whole.Header.Get("Accept-Ranges") != "bytes" ||
			whole.Header.Get("Content-Length") != "1000" || whole.Header.Get("Content-Encoding") != "" {
			t.Fatalf("%d %v", whole.Status, whole.Header)
		}

		// Ranges.
		for rng, want := range map[string]string{"bytes=0-9": body[:10], "bytes=990-": body[990:], "bytes=-5": body[995:], "bytes=-5000": body, "bytes=999-99999": "9", "bytes=5-5": "5", "bytes=0-18446744073709551615": body} {
			a := get(h, nobody, path, "Range", rng)
			if a.Status != 206 || string(a.Body) != want || a.Header.Get("Content-Length") != fmt.Sprint(len(want)) || !strings.HasSuffix(a.Header.Get("Content-Range"), "/1000") || a.Header.Get("ETag") != etag {
				t.Errorf("%s: %d %q %v", rng, a.Status, a.Body, a.Header)
			}
		}
		for _, rng := range []string{"bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=1000-1001,2000-"} {
			a := get(h, nobody, path, "Range", rng)
			refused(t, rng, a, 416, "")
			if a.Header.Get("Content-Range") != "bytes */1000" {
				t.Errorf("%s: Content-Range %q", rng, a.Header.Get("Content-Range"))
			}
		}
		for _, rng := range []string{"bytes=9-5", "bytes=a-b", "lines=1-2", "bytes", "bytes=", "bytes=1", "bytes=--1", "bytes=99999999999999999999999-"} {
			if a := get(h, nobody, path, "Range", rng); a.Status != 200 || string(a.Body) != body {
				t.Errorf("%q is no range, so all is sent: %d", rng, a.Status)
			}
		}
		a := get(h, nobody, path, "Range", "bytes=0-1, 5-6,-3")
		kind, params, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
		if a.Status != 206 || kind != "multipart/byteranges" || a.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) {
			t.Errorf("several ranges: %d %v", a.Status, a.Header)
		} else {
			mr := multipart.NewReader(strings.NewReader(string(a.Body)), params["boundary"])
			for _, want := range []string{"01", "56", "789"} {
				p, err := mr.NextPart()
				if err != nil {
					t.Fatal(err)
				}
				if b, _ := io.ReadAll(p); string(b) != want || p.Header.Get("Content-Range") == "" {
					t.Errorf("part %q %v", b, p.Header)
				}
			}
		}
		for what, rng := range map[string]string{"65 ranges": "bytes=0-1" + strings.Repeat(",0-1", 64), "10,000 overlapping": "bytes=0-" + strings.Repeat(",0-", 10_000), "more than all": "bytes=0-,0-"} {
			if a := get(h, nobody, path, "Range", rng); a.Status != 416 && len(a.Body) > 2000 {
				t.Errorf("%s: %d with %d bytes", what, a.Status, len(a.Body))
			}
		}

		// Conditions.
		for _, tag := range []string{etag, "W/" + etag, "*", `"x", ` + etag, strings.Trim(etag, `"`)} {
			if a := get(h, nobody, path, "If-None-Match", tag); a.Status != 304 || len(a.Body) != 0 || a.Header.Get("ETag") != etag || a.Header.Get("X-Repo-Commit") != oid {
				t.Errorf("If-None-Match %s: %d %v", tag, a.Status, a.Header)
			}
		}
		for _, c := range [][3]string{{"If-None-Match", `"other"`, "200"}, {"If-Match", etag, "200"}, {"If-Match", "*", "200"}, {"If-Match", `"other"`, "412"}} {
			if a := get(h, nobody, path, c[0], c[1]); fmt.Sprint(a.Status) != c[2] {
				t.Errorf("%v: %d", c, a.Status)
			}
		}
		for tag, status := range map[string]int{etag: 206, `"old"`: 200, "Mon, 01 Jan 2024 00:00:00 GMT": 200, "W/" + etag: 200} {
			if a := get(h, nobody, path, "Range", "bytes=0-1", "If-Range", tag); a.Status != status {
				t.Errorf("If-Range %s: %d", tag, a.Status)
			}
		}

		// HEAD says what GET says.
		for _, c := range []struct {
			path    string
			headers []string
		}{{path, nil}, {path, []string{"Range", "bytes=0-1"}}, {path, []string{"Range", "bytes=5000-"}}, {path, []string{"If-None-Match", etag}}, {path + "?download=1", nil},
			{"/alice/m/resolve/main/empty", nil}, {"/alice/m/resolve/main/nope", nil}, {"/alice/m/resolve/nope/f", nil}, {"/alice/absent/resolve/main/f", nil}, {"/alice/m/raw/main/d/f.txt", nil}} {
			g, hd := h.Do(nobody, "GET", c.path, nil, c.headers...), h.Do(nobody, "HEAD", c.path, nil, c.headers...)
			for _, answer := range []testhub.Answer{g, hd} {
				for _, name := range []string{"X-Request-Id", "Date"} {
					answer.Header.Del(name)
				}
				if answer.Status >= 400 { // of an error's text, which HEAD does not have
					answer.Header.Del("Content-Length")
				}
			}
			if g.Status != hd.Status || len(hd.Body) != 0 || !sameHeaders(g.Header, hd.Header) {
				t.Errorf("%s %v:\nGET  %d %v\nHEAD %d %v", c.path, c.headers, g.Status, g.Header, hd.Status, hd.Header)
			}
		}

		// What is missing is known by its commit.
		for _, p := range []string{"nope", "d", "d/", "d/f.txt/x", ""} {
			a := get(h, nobody, "/alice/m/resolve/main/"+p)
			refused(t, p, a, 404, "EntryNotFound")
			if a.Header.Get("X-Repo-Commit") != oid {
				t.Errorf("%q: X-Repo-Commit %q", p, a.Header.Get("X-Repo-Commit"))
			}
		}

		// Clients probe with one byte, an empty file as well.
		probe := get(h, nobody, "/alice/m/resolve/main/empty", "Range", "bytes=0-0", "Accept", "application/vnd.xet-fileinfo+json, */*")
		if probe.Status/100 != 2 || !strings.HasSuffix(probe.Header.Get("Content-Range"), "/0") {
			t.Errorf("probe of an empty file: %d %v", probe.Status, probe.Header)
		}

		// Nothing that users upload runs in the hub's origin.
		for _, name := range []string{"page.html", "x.svg", "x.xml", "c.json", "w.bin"} {
			for _, door := range []string{"resolve", "raw"} {
				a := get(h, nobody, "/alice/m/"+door+"/main/"+name)
				kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
				if kind == "text/html" || strings.Contains(kind, "xml") || kind == "image/svg+xml" || a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
					t.Errorf("%s of %s: %v", door, name, a.Header)
				}
			}
		}
	})
}

func sameHeaders(a, b http.Header) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// Names reach headers only in a form that nothing can be injected by.
func TestContentDisposition(t *testing.T) {
	h := testhub.New(t)
	names := []string{`a"b.txt`, `a\b.bin`, "a;b.txt", "ü日本.bin", "a b.txt", "\u202egpj.bin", `x"; filename="y.exe`, "100%.txt", "a,b", "a'b", "%0d%0aX-Evil: 1"}
	content := map[string]string{}
	for _, n := range names {
		content[n] = n
	}
	alice := model(h, "alice", "m", content)
	for _, n := range names {
		a := get(h, alice, "/alice/m/resolve/main/"+url.PathEscape(n)+"?download=true")
		kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
		if err != nil {
			// Go's parser refuses both parameters together; what a browser reads is filename*.
			value := a.Header.Get("Content-Disposition")
			_, rest, found := strings.Cut(value, "filename*=UTF-8''")
			name, _, _ := strings.Cut(rest, ";")
			got, err := url.PathUnescape(name)
			if !found || err != nil || got != n || !strings.HasPrefix(value, "attachment;") {
				t.Errorf("%q: %q", n, value)
			}
		} else if kind != "attachment" || params["filename"] != n {
			t.Errorf("%q: %s %v", n, kind, params)
		}
		if string(a.Body) != n || a.Header.Get("X-Evil") != "" || strings.ContainsAny(a.Header.Get("Content-Disposition"), "\r\n") {
			t.Errorf("%q: %q %v", n, a.Body, a.Header)
		}
	}
}
