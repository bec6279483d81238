// Package s3 is the blob store in a bucket of any S3-compatible service: AWS, MinIO, Ceph, Garage, versitygw.
//
// Every request is retried, with growing pauses, until 18 seconds have passed in which nothing moved; one that makes no
// progress ends after 8, so that nobody waits for more than 30. Downloads that break are continued where they stopped.
// What is uploaded is sent with its CRC32C, for the service to check, and is not taken for stored until the service shows
// it in its full length. It does not read the environment: credentials come from Options.
package s3
