// Package contract binds three things that drift apart if nobody looks: what api/openapi.yaml promises, what routes
// the server has, and what it really answers. It also keeps the account of the Hub's operations: which Cairn serves,
// which it will, which it never will and why.
//
// The server takes the two published documents and the list of unserved operations from here; the tests take Check,
// which compares routes with operations, and Recorder with Validate, which hold every answer against its operation.
// contract knows documents and HTTP messages. It must not know handlers, the router or the domain.
package contract
