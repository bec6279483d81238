package webui

import (
	"fmt"
	"hash/fnv"
	"html"
	"math"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

const maxAvatarName = 200

// avatar draws the picture of a name. It asks nobody whether the name exists, so it tells nobody.
func avatar(w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutSuffix(httpd.Param(r, "file"), ".svg")
	if !ok || name == "" || len(name) > maxAvatarName || !utf8.ValidString(name) {
		return errs.New(errs.NotFound, "There is no such picture.")
	}
	serveFile(w, r, "image/svg+xml", "public, max-age=86400", draw(name))
	return nil
}

func draw(name string) []byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(name)))
	paper, ink := shades(h.Sum32())
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96"><rect width="96" height="96" fill="%s"/>`+
		`<text x="48" y="51" fill="%s" font-family="system-ui,sans-serif" font-size="40" font-weight="600" text-anchor="middle" dominant-baseline="middle">%s</text></svg>`,
		paper, ink, html.EscapeString(initials(name)))
}

// shades gives a deep colour of any hue and a pale one of the same hue to write on it with.
func shades(seed uint32) (paper, ink string) {
	hue := float64(seed % 360)
	return hsl(hue, .42, .33), hsl(hue, .45, .93)
}

func hsl(hue, saturation, light float64) string {
	channel := func(n float64) int {
		k := math.Mod(n+hue/30, 12)
		v := light - saturation*min(light, 1-light)*max(-1, min(k-3, 9-k, 1))
		return int(math.Round(255 * v))
	}
	return fmt.Sprintf("#%02x%02x%02x", channel(0), channel(8), channel(4))
}

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
