// Package adminapi is the operator's door: health, readiness, metrics, the contract, and the honest answer for every
// operation of the Hub that Cairn does not have.
package adminapi
