package avatar

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
)

var (
	red, blue   = color.RGBA{220, 20, 20, 255}, color.RGBA{20, 20, 220, 255}
	green, grey = color.RGBA{20, 160, 20, 255}, color.RGBA{120, 120, 120, 255}
)

// quarters is a picture whose square middle has a colour in each quarter, between margins of another one.
func quarters(w, h int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(p, p.Rect, image.NewUniform(color.RGBA{255, 255, 0, 255}), image.Point{}, draw.Src)
	side := min(w, h)
	x, y, half := (w-side)/2, (h-side)/2, side/2
	for i, c := range []color.RGBA{red, blue, green, grey} {
		r := image.Rect(0, 0, half, half).Add(image.Pt(x+i%2*half, y+i/2*half))
		draw.Draw(p, r, image.NewUniform(c), image.Point{}, draw.Src)
	}
	return p
}

func encoded(t *testing.T, kind string, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case "png":
		err = png.Encode(&b, p)
	case "jpeg":
		err = jpeg.Encode(&b, p, &jpeg.Options{Quality: 95})
	case "gif":
		few := image.NewPaletted(p.Bounds(), color.Palette{red, blue, green, grey, color.RGBA{255, 255, 0, 255}})
		draw.Draw(few, few.Rect, p, image.Point{}, draw.Src)
		err = gif.Encode(&b, few, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func square(t *testing.T, src []byte) image.Image {
	t.Helper()
	out, err := New().Square(t.Context(), bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	p, err := jpeg.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("Exif")) {
		t.Error("metadata got through")
	}
	return p
}

// corners are the colours in the middle of each quarter, as the names of those above.
func corners(p image.Image) string {
	names := map[color.RGBA]string{red: "r", blue: "b", green: "g", grey: "y", {255, 255, 255, 255}: "w"}
	var s strings.Builder
	side := p.Bounds().Dx()
	for i := range 4 {
		r, g, b, _ := p.At(side/4+i%2*side/2, side/4+i/2*side/2).RGBA()
		best, least := "?", 40.0
		for c, name := range names {
			d := abs(int(r>>8)-int(c.R)) + abs(int(g>>8)-int(c.G)) + abs(int(b>>8)-int(c.B))
			if float64(d) < least {
				best, least = name, float64(d)
			}
		}
		s.WriteString(best)
	}
	return s.String()
}

func abs(n int) int { return max(n, -n) }

// TestSquares: the middle of a picture, whatever its shape and format, not larger than it is or may be.
func TestSquares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, side int }{{40, 40, 40}, {300, 100, 100}, {100, 700, 100}, {1024, 1500, 1024}, {1025, 1025, 1024}, {1900, 1700, 1024}, {3100, 2100, 1024}} {
		for _, kind := range []string{"png", "jpeg", "gif"} {
			if kind == "gif" && c.w > 2000 {
				continue
			}
			p := square(t, encoded(t, kind, quarters(c.w, c.h)))
			if b := p.Bounds(); b.Dx() != c.side || b.Dy() != c.side || corners(p) != "rbgy" {
				t.Errorf("%s %dx%d: %v %s", kind, c.w, c.h, b, corners(p))
			}
		}
	}
}

func TestTransparentIsWhite(t *testing.T) {
	t.Parallel()
	p := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	draw.Draw(p, image.Rect(0, 0, 32, 32), image.NewUniform(red), image.Point{}, draw.Src)
	if got := corners(square(t, encoded(t, "png", p))); got != "rwww" {
		t.Error(got)
	}
}

// TestFirstFrame: of an animation only the first picture counts.
func TestFirstFrame(t *testing.T) {
	t.Parallel()
	var g gif.GIF
	for _, c := range []color.RGBA{red, blue} {
		p := image.NewPaletted(image.Rect(0, 0, 32, 32), color.Palette{c})
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	if got := corners(square(t, b.Bytes())); got != "rrrr" {
		t.Error(got)
	}
}

func TestWebP(t *testing.T) {
	t.Parallel()
	b, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	if p := square(t, b); p.Bounds().Dx() != 1 {
		t.Error(p.Bounds())
	}
}

// withEXIF puts an orientation, and a place where it was taken, into a JPEG.
func withEXIF(src []byte, orientation byte, order binary.AppendByteOrder, mark string) []byte {
	b := append([]byte("Exif\x00\x00"), mark...)
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, tag := range []uint16{0x010f, 0x0112} {
		b = order.AppendUint16(b, tag)
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, uint16(orientation))
		b = order.AppendUint16(b, 0)
	}
	b = append(b, "52.5200N 13.4050E"...)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(b)+2))
	return append(append(head, b...), src[2:]...)
}

// TestUpright: all eight orientations, in both byte orders.
func TestUpright(t *testing.T) {
	t.Parallel()
	src := encoded(t, "jpeg", quarters(64, 64))
	for i, want := range []string{"rbgy", "rbgy", "bryg", "ygbr", "gyrb", "rgby", "gryb", "ybgr", "byrg", "rbgy"} {
		if got := corners(square(t, withEXIF(src, byte(i), binary.LittleEndian, "II"))); got != want {
			t.Errorf("orientation %d: %s, want %s", i, got, want)
		}
		if got := corners(square(t, withEXIF(src, byte(i), binary.BigEndian, "MM"))); got != want {
			t.Errorf("orientation %d: %s, want %s", i, got, want)
		}
	}
}

// hugePNG says that it has many pixels and holds none.
func hugePNG(w, h uint32, depth byte) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	chunk := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	chunk = binary.BigEndian.AppendUint32(chunk, h)
	chunk = append(chunk, depth, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
}

// hugeJPEG is the same as a progressive JPEG without sub-sampling.
func hugeJPEG(w, h uint16) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc2, 0, 17, 8}
	b = binary.BigEndian.AppendUint16(b, h)
	b = binary.BigEndian.AppendUint16(b, w)
	return append(b, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 0xff, 0xda, 0, 2)
}

// TestBombsAreRefused: what would take memory or time out of all proportion is told by its head.
func TestBombsAreRefused(t *testing.T) {
	t.Parallel()
	svg := `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`
	whole := encoded(t, "png", quarters(300, 300))
	hugeGIF := append([]byte("GIF89a\xff\xff\xff\xff\x80\x00\x00"), make([]byte, 6)...)
	for name, src := range map[string][]byte{
		"PNG of 2^62 pixels": hugePNG(1<<31-1, 1<<31-1, 8), "PNG of 64 MP": hugePNG(8000, 8000, 8), "PNG of 40 MP, 16 bits": hugePNG(8000, 5000, 16),
		"progressive JPEG of 49 MP": hugeJPEG(7000, 7000), "JPEG of 4 GP": hugeJPEG(65535, 65535), "GIF of 4 GP": hugeGIF, "PNG of nothing": hugePNG(0, 5, 8),
		"SVG": []byte(svg), "empty": nil, "text": []byte("GIF"), "cut PNG": whole[:len(whole)/2], "cut JPEG": encoded(t, "jpeg", quarters(300, 300))[:900],
		"cut GIF": encoded(t, "gif", quarters(300, 300))[:500], "HTML in a GIF's clothes": []byte("GIF89a<script>alert(1)</script>"), "WebP of nothing": []byte("RIFF\x00\x00\x00\x00WEBPVP8 "),
		"JPEG without a frame": []byte("\xff\xd8\xff\xd9"),
	} {
		if _, err := New().Square(t.Context(), bytes.NewReader(src)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPolyglotsComeOutClean: what hides behind a picture, or in its comments, is not in the picture made.
func TestPolyglotsComeOutClean(t *testing.T) {
	t.Parallel()
	evil := []byte("<script>alert(document.cookie)</script>PK\x03\x04")
	src := encoded(t, "jpeg", quarters(64, 64))
	comment := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xfe}, uint16(len(evil)+2))
	src = append(append(append(comment, evil...), src[2:]...), evil...)
	out, err := New().Square(t.Context(), bytes.NewReader(src))
	if err != nil || bytes.Contains(out, []byte("script")) || bytes.Contains(out, []byte("PK")) {
		t.Errorf("%v in %.80q", err, out)
	}
}

func TestWhoHasGoneIsNotServed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New().Square(ctx, bytes.NewReader(encoded(t, "png", quarters(64, 64)))); err == nil || errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
}

// TestDrawings: a name always has the same picture, whatever its case, and as many as ask have it.
func TestDrawings(t *testing.T) {
	t.Parallel()
	m := New()
	for _, name := range []string{"alice", "a-b_c", "日本", "..", "<script>"} {
		a, err := m.JPEG(name)
		b, err2 := New().JPEG(strings.ToUpper(name))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v %v, equal %v", name, err, err2, bytes.Equal(a, b))
		}
		if p, err := jpeg.Decode(bytes.NewReader(a)); err != nil || p.Bounds().Dx() != drawnSide {
			t.Errorf("%s: %v", name, err)
		}
		if svg := string(SVG(name)); strings.Contains(svg, "<script") || !strings.HasPrefix(svg, "<svg") {
			t.Errorf("%s: %s", name, svg)
		}
	}
	if a, _ := m.JPEG("alice"); bytes.Equal(a, must(m.JPEG("bob"))) {
		t.Error("alice looks like bob")
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// FuzzSquare: whatever is sent, the answer is a picture or a refusal.
func FuzzSquare(f *testing.F) {
	f.Add(hugePNG(10, 10, 8))
	f.Add(hugeJPEG(10, 10))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
	m := New()
	f.Fuzz(func(t *testing.T, src []byte) {
		if h, err := readHead(bytes.NewReader(src)); err == nil && int64(h.width)*int64(h.height) > 1<<20 {
			return // slow, and no other case: sizes have tests of their own
		}
		if _, err := m.Square(context.Background(), bytes.NewReader(src)); err != nil && !errs.Is(err, errs.Invalid) {
			t.Error(err)
		}
	})
}
