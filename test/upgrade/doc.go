// Package upgrade holds this version to the databases of those before it: hubs of each released schema, kept in testdata as
// they were left, are brought up to date, killed in the middle of it, and must then answer what they answered before.
//
// A fixture of a new release is made by the release's own binary:
//
//	CAIRN_TEST_BINARY=/path/to/cairn go test -tags fixture -run TestMakeFixture ./test/upgrade
package upgrade
