package hub

import "strings"

// ShortRef is the name that people use for a ref: refs/heads/main is main, refs/pr/1 stays.
func ShortRef(full string) string {
	for _, p := range []string{"refs/heads/", "refs/tags/"} {
		if s, ok := strings.CutPrefix(full, p); ok {
			return s
		}
	}
	return full
}
