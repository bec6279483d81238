// Package gitserve is the serving side of git's protocol, which all doors for git share: what refs there are, clone and
// fetch by git's own upload-pack on a warm copy, and push.
//
// It speaks packets and turns errors into what a git client shows. It must not know what carries the packets (HTTP, SSH),
// nor who may: a door has asked. How refs move and what a push may hold is package content's.
package gitserve
