// Package spool collects an upload of unknown size: in memory while it is tiny, then in a temporary file, and past some
// megabytes by direct I/O, which costs a fraction of the CPU that the page cache takes. The stores fs and s3 build on it.
//
// It must not know keys or where an object goes in the end.
package spool
