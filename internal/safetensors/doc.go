// Package safetensors reads the header of a safetensors file and the index of a sharded checkpoint: how many parameters
// of which type there are, and under which names they lie.
//
// It never reads tensor data, so its caller hands it the first bytes of a file and the file's size. It knows no
// repositories, users, SQL or HTTP, and it trusts nothing that it reads: every length is bounded before memory is taken.
//
// The format: an unsigned little-endian 64-bit length, a JSON object of that length (tensor name → dtype, shape and byte
// range, and an optional "__metadata__" of strings), then the tensors' bytes without gaps.
package safetensors
