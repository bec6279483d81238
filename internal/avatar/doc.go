// Package avatar makes pictures of users and organisations: a square JPEG of whatever picture was uploaded, and a picture of
// a name for who has none.
//
// It is an engine: it knows image formats, and nothing of users, SQL or HTTP. It takes what strangers send, so it looks at
// the content and never at a name, counts pixels and memory before it decodes, and always encodes anew: what was hidden in
// or behind a picture (where it was taken, another file) does not get through.
package avatar
