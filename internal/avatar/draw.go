package avatar

import (
	"fmt"
	"hash/fnv"
	"html"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/cairnhub/cairn/internal/lru"
)

const (
	drawnSide  = 320
	drawnBytes = 4 << 20 // of drawings that are kept
)

// drawings are pictures of names, kept for those who ask again.
type drawings = lru.Cache[string, []byte]

func newDrawings() *drawings { return lru.New[string, []byte](drawnBytes) }

// SVG draws the picture of a name.
func SVG(name string) []byte {
	paper, ink := shades(name)
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96"><rect width="96" height="96" fill="%s"/>`+
		`<text x="48" y="51" fill="%s" font-family="system-ui,sans-serif" font-size="40" font-weight="600" text-anchor="middle" dominant-baseline="middle">%s</text></svg>`,
		web(paper), web(ink), html.EscapeString(initials(name)))
}

// JPEG draws the same picture for who takes no SVG.
func (m *Maker) JPEG(name string) ([]byte, error) {
	key := strings.ToLower(name)
	if b, ok := m.drawn.Get(key); ok {
		return b, nil
	}
	paper, ink := shades(name)
	pic := image.NewRGBA(image.Rect(0, 0, drawnSide, drawnSide))
	draw.Draw(pic, pic.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	if err := write(pic, ink, initials(name)); err != nil {
		return nil, err
	}
	b, err := encode(pic)
	if err == nil {
		m.drawn.Put(key, b, int64(len(b)))
	}
	return b, err
}

var bold = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// write puts a few letters into the middle.
func write(pic *image.RGBA, ink color.Color, letters string) error {
	f, err := bold()
	if err != nil {
		return err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: drawnSide * .42, DPI: 72})
	if err != nil {
		return err
	}
	d := font.Drawer{Dst: pic, Src: image.NewUniform(ink), Face: face}
	bounds, _ := d.BoundString(letters)
	middle := fixed.I(drawnSide) / 2
	d.Dot = fixed.Point26_6{X: middle - (bounds.Min.X+bounds.Max.X)/2, Y: middle - (bounds.Min.Y+bounds.Max.Y)/2}
	d.DrawString(letters)
	return nil
}

// shades gives a deep colour of any hue and a pale one of the same hue to write on it with.
func shades(name string) (paper, ink color.RGBA) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(name)))
	hue := float64(h.Sum32() % 360)
	return hsl(hue, .42, .33), hsl(hue, .45, .93)
}

func hsl(hue, saturation, light float64) color.RGBA {
	channel := func(n float64) uint8 {
		k := math.Mod(n+hue/30, 12)
		return uint8(math.Round(255 * (light - saturation*min(light, 1-light)*max(-1, min(k-3, 9-k, 1)))))
	}
	return color.RGBA{channel(0), channel(8), channel(4), 255}
}

func web(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// initials are the first letters of the first two words of a name.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	var b strings.Builder
	for i, word := range words {
		if i == 2 {
			break
		}
		c, _ := utf8.DecodeRuneInString(word)
		b.WriteRune(unicode.ToUpper(c))
	}
	if b.Len() == 0 {
		return "·"
	}
	return b.String()
}
