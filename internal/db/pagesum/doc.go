// Package pagesum is a layer below SQLite, a VFS, that keeps a checksum of each page of a database and looks at it whenever
// a page comes from the disk, so that a flipped bit, a zeroed or a misplaced page is an error and never an answer.
//
//   - In the database file each page ends with 8 reserved bytes (SQLite's own "reserved space", byte 20 of the header): a mark
//     and the CRC32C of the page's number and of the rest of the page. They are written when a page is, which in WAL mode
//     is by checkpoints only, and looked at by each read.
//   - In the write-ahead log SQLite itself puts a checksum on each frame, but looks at it only when it recovers a log. Here
//     each read of a page from the log looks at it, checkpoints' reads included. Nothing is added to the log.
//
// A database without the reserved bytes is read and written as ever; only its log is looked at.
//
// It knows SQLite's file formats and its VFS interface. It must not know what the database holds, nor when a database
// gets its reserved bytes: that is for package db.
package pagesum
