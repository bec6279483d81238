// Package fs is the blob store in a folder: objects in <root>/object under their keys, uploads in <root>/tmp. Several
// processes may use one folder.
//
// An upload is written and synced under a temporary name, then renamed, then its folder is synced. So a power cut leaves
// the whole object or none, and only one that was never acknowledged. A name that exists is replaced: an upload of the
// same bytes repairs a damaged object.
package fs
