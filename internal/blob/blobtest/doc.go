// Package blobtest holds the suite that every blob store must pass, and a real S3 server (versitygw) which the test
// process starts itself and which ends with the process. Only tests import this package.
package blobtest
