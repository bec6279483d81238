package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/archive"
)

var when = time.Date(2026, 1, 2, 3, 4, 5, 999, time.FixedZone("", 3600))

func pack(t *testing.T, f archive.Format, entries map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := archive.New(f, &b, archive.Options{When: when, Comment: "about it"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "dir/", "dir/b", "empty"} {
		kind := archive.File
		if strings.HasSuffix(name, "/") {
			kind = archive.Folder
		}
		text := entries[name]
		if err := w.Add(archive.Entry{Name: name, Kind: kind, Size: int64(len(text))}, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Add(archive.Entry{Name: "link", Kind: archive.Symlink, Link: "dir/b"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var some = map[string]string{"a": "first", "dir/b": strings.Repeat("second", 1000)}

func TestSameFilesSameBytes(t *testing.T) {
	for _, f := range []archive.Format{archive.TarGz, archive.Zip} {
		if !bytes.Equal(pack(t, f, some), pack(t, f, some)) {
			t.Errorf("%s: two archives of the same files differ", f)
		}
	}
}

func TestReadBack(t *testing.T) {
	z, err := gzip.NewReader(bytes.NewReader(pack(t, archive.TarGz, some)))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if h.Typeflag == tar.TypeReg && (err != nil || string(b) != some[h.Name] || !h.ModTime.Equal(when.Truncate(time.Second))) {
			t.Errorf("%s: %v %q %v", h.Name, err, b, h.ModTime)
		}
	}
	packed := pack(t, archive.Zip, some)
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil || r.Comment != "about it" || len(r.File) != 5 {
		t.Fatal(err, r.Comment)
	}
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if want := some[f.Name]; f.Name != "link" && (err != nil || string(b) != want) {
			t.Errorf("%s: %v %q", f.Name, err, b)
		}
	}
}

// TestNamesCannotEscape: what leads out of the folder on any system is packed by no format.
func TestNamesCannotEscape(t *testing.T) {
	for _, name := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./a", "a/./b", "a//b", `..\x`, `a\..\..\x`, `\x`, `a/..\..\x`, "a/\x00", `a\.\b`} {
		for _, f := range []archive.Format{archive.TarGz, archive.Zip} {
			w, err := archive.New(f, io.Discard, archive.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(archive.Entry{Name: name}, nil); !errors.Is(err, archive.ErrName) {
				t.Errorf("%s: %q: %v", f, name, err)
			}
		}
	}
	for _, name := range []string{"a", "a/", "a/..b", "a/b..", "...", "a b", "ü/日本", `a\b`, "C:x", "a:b"} {
		if err := archive.CheckName(name); err != nil {
			t.Error(err)
		}
	}
}

// TestWrongSizeIsNoArchive: content of another size than was said must not pass for whole.
func TestWrongSizeIsNoArchive(t *testing.T) {
	for _, f := range []archive.Format{archive.TarGz, archive.Zip} {
		for _, size := range []int64{1, 4, 6, 1 << 40} {
			w, err := archive.New(f, io.Discard, archive.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(archive.Entry{Name: "a", Size: size}, func(w io.Writer) error {
				_, err := io.WriteString(w, "12345")
				return err
			}); err == nil {
				t.Errorf("%s: 5 bytes passed for %d", f, size)
			}
		}
	}
}

// contents are large files of three kinds: random bytes, small numbers, text.
func contents(size int) map[string][]byte {
	rnd := rand.NewChaCha8([32]byte{1})
	random, numbers := make([]byte, size), make([]byte, size)
	_, _ = rnd.Read(random)
	for i := range numbers { // every second byte says little, as in 16-bit weights
		if numbers[i] = random[i]; i%2 == 1 {
			numbers[i] = 60 + random[i]%6
		}
	}
	text := bytes.Repeat([]byte(`{"id": 1, "text": "some words that come again"}`+"\n"), size/48+1)[:size]
	return map[string][]byte{"random": random, "numbers": numbers, "text": text}
}

// TestLargeFilesReadBack goes through each way to press them.
func TestLargeFilesReadBack(t *testing.T) {
	all := contents(3 << 20)
	names := slices.Sorted(maps.Keys(all))
	for _, f := range []archive.Format{archive.TarGz, archive.Zip} {
		var b bytes.Buffer
		w, err := archive.New(f, &b, archive.Options{When: when})
		for _, name := range append(names, "small") {
			if err == nil {
				err = w.Add(archive.Entry{Name: name, Size: int64(len(all[name]))}, func(w io.Writer) error {
					_, err := io.Copy(w, bytes.NewReader(all[name]))
					return err
				})
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() > 7<<20 {
			t.Errorf("%s: %d bytes", f, b.Len())
		}
		for name, got := range readAll(t, f, b.Bytes()) {
			if !bytes.Equal(got, all[name]) {
				t.Errorf("%s: %s differs", f, name)
			}
		}
	}
}

func readAll(t *testing.T, f archive.Format, packed []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	if f == archive.Zip {
		r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.File {
			rc, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if out[f.Name], err = io.ReadAll(rc); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkPack(b *testing.B) {
	const size = 64 << 20
	for name, data := range contents(size) {
		for _, f := range []archive.Format{archive.TarGz, archive.Zip} {
			b.Run(name+string(f), func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					w, err := archive.New(f, io.Discard, archive.Options{})
					if err == nil {
						err = w.Add(archive.Entry{Name: "a", Size: size}, func(w io.Writer) error {
							_, err := io.Copy(w, bytes.NewReader(data))
							return err
						})
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
