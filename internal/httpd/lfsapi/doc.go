// Package lfsapi is the door for Git LFS: batch, verify, the signed addresses that objects go to and come from, and locks. Where
// a client offers the transfer "xet" for uploads it is sent to package xetapi; where it offers "multipart", objects longer than
// a part are sent in parts.
//
// An object counts as present only if this repository has it, whatever others have. An address names one object of one
// repository and the user who asked; it is worth what they may do when it is used.
package lfsapi
