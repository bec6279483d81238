// Package xet is the engine of Xet storage: content-defined chunks, their hashes and Merkle trees, xorbs (objects of up to
// 8192 chunks), shards (the metadata of an upload) and the plan that turns a range of a file into ranges of xorbs.
//
// It turns bytes into checked structures and back. It knows nothing of users, repositories, SQL, HTTP, URLs or where bytes are
// kept: callers hand it readers, writers and a function that finds an [Index]. Nothing that it reads is trusted: every count
// and length is bounded before memory is taken for it, and no file, xorb or shard body is held in memory whole.
//
// Two kinds of failure are told apart. Input that breaks the format satisfies errors.Is(err, [ErrFormat]): the sender's fault.
// Stored bytes that no longer match their index satisfy errors.Is(err, [ErrCorrupt]): ours. Anything else came from the
// caller's reader, writer or callback and is passed on wrapped.
//
// Source of all layouts and constants: the Xet protocol specification (https://huggingface.co/docs/xet) and xet-core
// (https://github.com/huggingface/xet-core). Integers are little-endian throughout.
package xet
