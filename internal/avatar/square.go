package avatar

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/sync/semaphore"

	"github.com/cairnhub/cairn/internal/errs"
)

// The bounds of what is taken and made.
const (
	MaxBytes  = 10_000_000 // of an upload
	MaxPixels = 50_000_000
	Side      = 1024 // of a picture made, at most: small ones are not enlarged
	quality   = 95
)

// Memory that decoding may take, for one picture and for all at once; shrinking it takes some besides.
const (
	memory    = 320 << 20
	shrinking = 96 << 20
)

// Maker makes pictures, a few at a time. It is safe for concurrent use.
type Maker struct {
	memory *semaphore.Weighted
	drawn  *drawings
}

// New makes a maker.
func New() *Maker { return &Maker{memory: semaphore.NewWeighted(memory), drawn: newDrawings()} }

// Square makes the square middle of a picture, upright, as a JPEG. What is no picture of a known format, is damaged, or
// takes too much to decode is errs.Invalid.
func (m *Maker) Square(ctx context.Context, src io.ReadSeeker) ([]byte, error) {
	h, err := readHead(src)
	if err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	need := max(h.memory+shrinking, memory/2) // no more than two at once, whatever their size: they take a processor each
	if err := m.memory.Acquire(ctx, need); err != nil {
		return nil, errs.Wrap("avatar.Square", err)
	}
	defer m.memory.Release(need)
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, errs.Wrap("avatar.Square", err)
	}
	pic, err := h.format.decode(contextReader{ctx, src})
	if ctx.Err() != nil {
		return nil, errs.Wrap("avatar.Square", ctx.Err())
	}
	if err != nil || pic.Bounds().Empty() {
		return nil, errs.New(errs.Invalid, "The picture is damaged: it is no whole %s", h.format.name)
	}
	square, err := shrink(ctx, pic)
	if err != nil {
		return nil, errs.Wrap("avatar.Square", err)
	}
	return encode(upright(square, h.orientation))
}

func encode(pic image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, pic, &jpeg.Options{Quality: quality}); err != nil {
		return nil, errs.Wrap("avatar.encode", err)
	}
	return b.Bytes(), nil
}

// shrink cuts the square middle out and makes it Side pixels wide at most, on white where it is transparent. Averaging
// whole blocks comes first: it takes a few rows of memory, where a resampling filter takes the whole width in floats.
func shrink(ctx context.Context, pic image.Image) (*image.RGBA, error) {
	b := pic.Bounds()
	side := min(b.Dx(), b.Dy())
	k := max(1, side/Side)
	n := side / k
	from := image.Pt(b.Min.X+(b.Dx()-n*k)/2, b.Min.Y+(b.Dy()-n*k)/2)
	small := image.NewRGBA(image.Rect(0, 0, n, n))
	strip := image.NewRGBA(image.Rect(0, 0, n*k, k))
	for y := range n {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		draw.Draw(strip, strip.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(strip, strip.Rect, pic, from.Add(image.Pt(0, y*k)), draw.Over)
		average(small.Pix[y*small.Stride:], strip, n, k)
	}
	if n <= Side {
		return small, nil
	}
	out := image.NewRGBA(image.Rect(0, 0, Side, Side))
	xdraw.CatmullRom.Scale(out, out.Rect, small, small.Rect, xdraw.Src, nil)
	return out, nil
}

// average makes one row of n pixels out of a strip of n blocks of k by k.
func average(row []byte, strip *image.RGBA, n, k int) {
	for x := range n {
		var sum [3]int
		for y := range k {
			p := strip.Pix[y*strip.Stride+x*k*4:]
			for i := range k {
				sum[0] += int(p[i*4])
				sum[1] += int(p[i*4+1])
				sum[2] += int(p[i*4+2])
			}
		}
		for c, v := range sum {
			row[x*4+c] = byte((v + k*k/2) / (k * k))
		}
		row[x*4+3] = 255
	}
}

// upright turns a square as its EXIF orientation says, 1 to 8.
func upright(pic *image.RGBA, orientation int) *image.RGBA {
	if orientation < 2 || orientation > 8 {
		return pic
	}
	last := pic.Rect.Dx() - 1
	out := image.NewRGBA(pic.Rect)
	for y := range pic.Rect.Dy() {
		for x := range pic.Rect.Dx() {
			i, j := turned(x, y, last, orientation)
			out.SetRGBA(i, j, pic.At(x, y).(color.RGBA))
		}
	}
	return out
}

// turned is where a stored pixel belongs.
func turned(x, y, last, orientation int) (int, int) {
	switch orientation {
	case 2:
		return last - x, y
	case 3:
		return last - x, last - y
	case 4:
		return x, last - y
	case 5:
		return y, x
	case 6:
		return last - y, x
	case 7:
		return last - y, last - x
	}
	return y, last - x
}

// contextReader ends with its context, so that nobody decodes for who has gone.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
