// Package crash runs the real binary as a process, loads it, kills it without warning, starts it again on the same data,
// and holds what is there then against a ledger of what was acknowledged. Its tests also cut uploads, stop the hub under
// load and fill its disk. Long runs of the same machinery are in test/torture.
package crash
