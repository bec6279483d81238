package hub

import (
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"bert-base_v1.5-Uncased": "bert base v1 5 uncased", "LLaMA2": "llama2", "": "", "--": "", "a a A": "a", "日本 Müller": "日本 müller", "\xff": "",
		strings.Repeat("x", 70): strings.Repeat("x", 64),
	} {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if n := len(Words(strings.Repeat("a b c d e f g h ", 1), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30")); n != 32 {
		t.Errorf("%d words", n)
	}
}
