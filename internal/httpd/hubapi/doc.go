// Package hubapi is the Hub's JSON API: /api/…. Its handlers parse, call one domain function and write; shapes and
// codes are those of api/openapi.yaml. It holds no rule and no SQL.
package hubapi
