// Package script drives the real binary as an operator does: commands, exit codes, signals, HTTP. Each behaviour that
// an operator sees has a script in testdata. It must not look inside: what a script cannot see is no behaviour.
package script
