// Package sshd is git over SSH: clone, fetch, push and git-lfs-authenticate for users who prove themselves by a key or a
// certificate, and nothing else. There is no shell, no terminal, no forwarding, no subsystem and no environment but
// GIT_PROTOCOL; commands are never handed to a shell, so nothing in them can be more than a name.
//
// Who somebody is, what they may do and what git says come from account, authz and gitserve, as at every other door. It
// must not know HTTP. It stands on golang.org/x/crypto/ssh itself: what is to be refused and bounded lies below what the
// libraries around it show.
package sshd
