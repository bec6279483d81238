// Package web is what browsers get, embedded in the binary: page/<name> holds a page's template and its style together,
// part what pages share, asset the design system and pictures. It holds files and no code; webui fills the templates.
//
// There is no script, and templates have no inline style: the policy that webui sends allows neither.
package web

import "embed"

// Files are the templates, styles and pictures.
//
//go:embed asset part page
var Files embed.FS
