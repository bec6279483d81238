// Package bench measures a hub in process, request by request, for profiles and for the costs that must not grow.
// Comparisons with peers are ratios of one run of the outer harness; see docs/performance.md.
package bench
