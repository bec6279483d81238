// Package app builds the hub from its configuration and runs it. It is the only package that imports all others, and
// the only place where one part is handed to another.
package app
