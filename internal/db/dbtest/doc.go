// Package dbtest gives a test a fresh, migrated database on each engine. PostgreSQL is a real server which the test
// process starts itself and which ends with the process. Only tests import this package.
package dbtest
