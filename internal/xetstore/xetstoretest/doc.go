// Package xetstoretest is the client's side of Xet for tests: it cuts files into chunks, packs xorbs and writes shards as
// clients do, and makes stores on every kind of database and blob store. Only tests import this package.
package xetstoretest
