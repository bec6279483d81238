// Package profile is what users and organisations show of themselves, alike for both: words, links, a picture, and who
// follows whom. It owns the tables profile and follow.
//
// Names and full names are account's and org's, who is a member is org's, and what is liked is repo's. The package must not
// know HTTP, nor image formats, which are avatar's.
package profile
