// Package cache keeps what a node reads of a remote store's objects on the node's disk, so that however many ask for the
// same bytes at once, they are fetched once.
//
// Objects are kept in blocks of 1 MiB, each a file with checksums of its own: a block that rots is dropped and fetched
// again, never served. What was not used longest goes when others need the room. The folder may be emptied at any time; a
// disk that fails costs speed and nothing else, since reads then go to the store itself.
//
// Objects never change, so what is kept is right for as long as the object exists. An object that was replaced all the same
// (a damaged one that was repaired) is noticed by its version as soon as a block of it is fetched; who can tell by other
// means that bytes are wrong says Forget.
//
// It must not know what the objects are, nor which remote store it stands before.
package cache
