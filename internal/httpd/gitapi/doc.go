// Package gitapi is git's smart HTTP protocol under /{namespace}/{repo}[.git]: what refs there are, clone and fetch by
// git's own upload-pack on a warm copy, and push.
//
// It speaks packets and turns errors into what a git client shows. It must not know how refs move or what a push may
// hold; package content does.
package gitapi
