// Package rot flips bits in what a hub stores and asks every door for it: what is found, whether a wrong byte leaves, and
// what a repair brings back (F12 of docs/faults.md).
package rot
