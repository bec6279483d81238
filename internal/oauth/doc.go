// Package oauth lets programs act for people who agreed to it: the device login of RFC 8628, by which a command line gets
// an access token after its user has typed a short code in a browser, and the refresh tokens that renew it. It owns the
// tables oauth_device, oauth_grant, oauth_refresh and oauth_attempt.
//
// What a program holds is an access token like any other, made and revoked by package account and judged by authz; this
// package decides only who gets one. It must not know HTTP. No code and no token is kept as it is.
package oauth
