// Package scale fills a hub with people, organisations and repositories, by rows and not by requests, and holds what is
// asked about them to two rules: as many statements at full size as at a twentieth of it, and an answer in time
// (build tag torture; docs/performance.md has the last figures). It knows tables, as no other test does, because ten
// thousand people cannot sign up one by one.
package scale
