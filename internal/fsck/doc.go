// Package fsck proves storage: that every file of every revision can be made of stored bytes, and that the rows that were
// derived from others still agree with them. [Checker.Run] looks through all of it once; [Scrub] reads all bytes over a
// period, a little at a time. What is wrong is a [Finding], with the repositories and files that it touches.
//
// It changes nothing that it looks at, but may mark damaged xorbs so that their bytes are asked for again. It may run
// beside a hub that serves: what changed under it is looked at once more before it is called damage. It must not know
// HTTP, nor how bytes are laid out: the stores verify their own, and their owners their rows.
//
// Tables: fsck_pass, fsck_finding.
package fsck
