package gitstore

import "strings"

// cut splits a path's first component off.
func cut(path string) (name, rest string, more bool) { return strings.Cut(path, "/") }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
