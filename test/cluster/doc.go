// Package cluster runs the real binary in several processes: three hubs over one PostgreSQL and one S3 store behind nginx,
// as deploy/three-nodes starts them, two generations of a hub that restarts itself, a second hub on a folder that is taken,
// and databases that go away under load. What it loads them with and the ledger that it holds them to are test/crash's.
// Long runs of the same are in test/torture.
package cluster
