// Package api holds Cairn's HTTP contract and the list of the Hub's operations that it is measured against, as the
// documents they are. It embeds them and does nothing else; internal/httpd/contract reads them.
package api

import _ "embed"

// OpenAPI is openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// HubOperations is hub-operations.yaml.
//
//go:embed hub-operations.yaml
var HubOperations []byte
