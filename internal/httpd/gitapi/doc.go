// Package gitapi is git's smart HTTP protocol under /{namespace}/{repo}[.git]. The doors stand, with the rights that
// they will need and the redirects of moved repositories; what is behind them is not built yet and says so.
package gitapi
