// Package blob is the store of immutable objects: git packs, xorbs and other bytes that are named by their content or by
// a random id and never change. Store has two implementations, package fs (a folder) and package s3 (any S3-compatible
// service), which the suite in package blobtest holds to one contract.
//
// It must not know what the objects are, nor repositories, users or SQL.
package blob
