// Package gitapi is git's smart HTTP protocol under /{namespace}/{repo}[.git]: requests and answers around what package
// gitserve says. It must not know the protocol inside them, how refs move or what a push may hold.
package gitapi
