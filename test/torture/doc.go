// Package torture holds the tests that are too long for every run: files of 5 GB, thousands of kills, and the hub's
// memory under many clients at once. They run with the build tag torture (make torture), each prints its figures, and
// docs/torture.md has the last ones.
package torture
