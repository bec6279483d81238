// Package webui is the door for browsers: it fills the templates of package web with what the caller may see.
//
// Pages are made on the server and work without scripts. All text is escaped by html/template; the one exception is what
// package markdown has sanitised. A page holds nothing that the API would not answer to the same caller, and the policy
// that goes out with each forbids scripts, inline styles, frames and forms that lead elsewhere. It knows no SQL and
// decides nothing about permission: the route's right and authz do.
package webui
