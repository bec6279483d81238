// Package adminapi is the operator's door: health, readiness, metrics, the contract, and what administrators of the hub do
// to users, repositories, quotas, settings and jobs. It is thin: what may be done is the domain packages' to say.
package adminapi
