// Package conformance walks the documents that Cairn's people, organisations and settings are made to: the Hub's OpenAPI
// description in two versions (the operations of people, organisations, tokens and device login, billing left out), the
// Settings API, and what stock clients need beyond them. Every operation's request is sent to a hub, and its answer is
// held to the document's JSON Schema or to its example. Where the documents describe one route they describe one answer:
// a member that another of them defines is no violation.
//
// testdata/operations.json is a selection of facts from those documents: methods, paths, query parameters, schemas and
// examples. It must know nothing of how Cairn is built; api/openapi.yaml, which says what Cairn answers, is checked
// elsewhere.
package conformance
