package hub

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of words that are searched by.
const (
	maxWords = 32
	maxWord  = 64 // characters
)

// Words are the words of names: runs of letters and digits in lower case, without doubles, in their order. Camel case is
// one word.
func Words(texts ...string) []string {
	var words []string
	for _, text := range texts {
		if !utf8.ValidString(text) {
			continue
		}
		for _, w := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c) }) {
			if utf8.RuneCountInString(w) > maxWord {
				w = string([]rune(w)[:maxWord])
			}
			if !slices.Contains(words, w) && len(words) < maxWords {
				words = append(words, w)
			}
		}
	}
	return words
}

// BehindPrefix is behind all words that begin with prefix, in the order of bytes.
func BehindPrefix(prefix string) string { return prefix + "\U0010ffff" }
