// Package signature takes signatures out of commits and annotated tags as git put them there, and verifies them: OpenPGP
// signatures against a key that is given, SSH signatures against the key that they carry.
//
// It must not know users: whose key it is, and whether that is the person whom a commit names, is asked elsewhere. It
// reads untrusted bytes; every size is bounded.
package signature
