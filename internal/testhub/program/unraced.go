//go:build !race

package program

// Raced says that the test runs with the race detector, which makes it five to ten times as slow and as large.
const Raced = false
