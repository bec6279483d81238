package account

import (
	_ "embed" // the list of common passwords
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	minPassword = 10   // characters
	maxPassword = 1024 // bytes
	// decoration is how many characters around a well-known word make no password of it.
	decoration = 5
	fewKinds   = 4 // different characters that a password must have more of
)

// commonPasswords are those that guessers try first, in lower case and sorted by bytes, one a line: what Royce Williams
// collected from leaks and Django ships.
//
//go:embed common-passwords.txt
var commonPasswords string

// checkNewPassword refuses what is guessed first. about are names that belong to the user: whoever guesses knows them.
func checkNewPassword(password string, about ...string) error {
	if utf8.RuneCountInString(password) < minPassword || len(password) > maxPassword {
		return errs.New(errs.Invalid, "A password must have %d to %d characters", minPassword, maxPassword)
	}
	if weak(password, about) {
		return errs.New(errs.Invalid, "This password is one of the first that others would guess: choose one that is not a well-known word, a name or a pattern")
	}
	return nil
}

func weak(password string, about []string) bool {
	lower := strings.ToLower(password)
	core := strings.TrimFunc(lower, func(c rune) bool { return !unicode.IsLetter(c) })
	if isCommon(lower) || len(lower)-len(core) <= decoration && isCommon(core) || variety(lower) <= fewKinds || isRun(lower) {
		return true
	}
	for _, a := range about {
		if a = strings.ToLower(a); len(a) >= 3 && strings.Contains(lower, a) && len(lower)-len(a) <= decoration {
			return true
		}
	}
	return false
}

// isCommon finds a line of the sorted list by halving it, without taking it apart.
func isCommon(word string) bool {
	if word == "" || strings.ContainsRune(word, '\n') {
		return false
	}
	lo, hi := 0, len(commonPasswords)
	for lo < hi {
		mid := (lo + hi) / 2
		start := strings.LastIndexByte(commonPasswords[:mid], '\n') + 1
		end := start + strings.IndexByte(commonPasswords[start:], '\n')
		switch line := commonPasswords[start:end]; {
		case line == word:
			return true
		case line < word:
			lo = end + 1
		default:
			hi = start
		}
	}
	return false
}

func variety(s string) int {
	seen := map[rune]bool{}
	for _, c := range s {
		seen[c] = true
	}
	return len(seen)
}

// isRun recognises 1234567890, abcdefghij and the like, either way.
func isRun(s string) bool {
	r := []rune(s)
	for _, step := range []rune{1, -1} {
		steps := 0
		for i := 1; i < len(r); i++ {
			if r[i]-r[i-1] == step {
				steps++
			}
		}
		if steps >= len(r)-2 {
			return true
		}
	}
	return false
}
