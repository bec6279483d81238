// Package s3 is the blob store in a bucket of any S3-compatible service: AWS, MinIO, Ceph, Garage, versitygw.
//
// Every request retries a bounded number of times and gives up when 10 seconds pass without progress. Downloads that
// break are continued where they stopped. It does not read the environment: credentials come from Options.
package s3
