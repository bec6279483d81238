// Package jobs is the queue of work that outlives a request. A job is a row, written in the transaction that makes it
// necessary, so that neither is lost without the other. It owns the table job.
//
// A job runs at least once: handlers are idempotent. While it runs, its worker holds a lease and renews it; when the
// process dies, the lease ends and another worker, on any node, takes over. The package must not know what a job does.
package jobs
