// Package xetapitest opens the Xet and LFS doors on a real server for tests, with everything below them real, and speaks
// to them as clients do. Answers are held to the published contract. Only tests import this package.
package xetapitest
