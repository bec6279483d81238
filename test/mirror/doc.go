// Package mirror holds the hub's history to git's: random operations go through the HTTP API, and the git command line
// does the same in a repository of its own. After each step both must have the same commit, to the last bit: the same
// files, parents, people, message. What conflicts here must conflict there, on the same paths.
//
// It is for tests only. It knows of the hub what a user knows; the reference is git's fast-import, merge, revert,
// cherry-pick and commit, none of which the hub runs.
package mirror
