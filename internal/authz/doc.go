// Package authz is the one place that says may and may not. Every door (HTTP, git, LFS, Xet, pages) asks it about the
// same actor, the same repository and the same right, and so gets the same answer.
//
// It judges facts that it is given; it must not look repositories up, and must not know how a request came in.
package authz
