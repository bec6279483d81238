// Package xetapi is the door for Xet clients: the hub's token routes, the content-addressed store (CAS) in all versions
// that clients speak, and the signed addresses from which they fetch xorbs.
//
// A CAS request proves itself by a token that names a user, an access token and one repository. It is worth no more than
// they are at this moment: whoever lost the access token or the right loses the Xet token within a second. A signed
// address names one range of one xorb and runs out after 10 to 15 minutes.
//
// It parses and renders; xetstore verifies, stores and plans. It must not know SQL or any byte layout.
package xetapi
