// Package markdown turns the text of a README into HTML that is safe to put on a page: GitHub's Markdown, highlighted code,
// links and images that point into the repository.
//
// It knows two link prefixes and nothing else of repositories; it must not know HTTP, users or templates of pages. The text
// comes from anyone. Whatever happens before, the sanitiser is the last step, so no other step needs to be trusted. The
// output has no inline styles and no scripts: pages need a style sheet for the "hl-" classes and may keep a strict policy.
package markdown
