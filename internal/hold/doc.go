// Package hold is what keeps stored bytes from being deleted for a while.
//
// A hold of the whole hub is for who reads rows first and the bytes that they name later, as a backup does: while one lives
// nobody deletes a blob, though rows may go. A hold of a repository is an operator's decision: what the repository names or
// ever named is not given up, and when it is deleted, it is kept as deleted.
//
// Every collector asks in the transaction in which it decides that blobs may go (Live), and deletes only what no row named in
// that transaction. So a reader that takes its hold before it reads rows finds the bytes of all that they name: either the
// collector's transaction came before, and then the rows did not name them, or it sees the hold.
//
// It must not know what is deleted, nor who asks for it.
//
// Tables: hold.
package hold
