// Package patch compares texts line by line and writes the difference as git does: hunks, the headers of files that are
// new, gone, renamed or of another mode, binary patches, and which deleted file an added one was.
//
// It makes the choices that git's default comparison makes (Myers' algorithm in linear space with git's short cuts, then
// groups of changed lines moved to where people expect them), so that patches and blame say what the git command line
// says. It works on bytes in memory, which the caller has bounded; time is bounded by the short cuts. It must not know
// repositories, revisions or requests.
//
// Sources: E. Myers, An O(ND) Difference Algorithm and Its Variations (1986); git-diff(1), git-apply(1), gitdiffcore(7).
package patch
