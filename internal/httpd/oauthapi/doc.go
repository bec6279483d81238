// Package oauthapi is the door for programs that sign in for people: the device login and the refreshing of tokens, in the
// words of RFC 8628 and RFC 6749, and who the user is. It decides nothing: package oauth does.
package oauthapi
