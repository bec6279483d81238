// Package verify says who signed commits and annotated tags: it brings their signatures together with the keys of users.
//
// A signature is verified when the key is a user's and the author of the commit (the tagger of the tag) bears that user's e-mail
// address. Whose keys there are is asked anew each time, so an answer changes when a key is added or deleted; only what
// one key makes of one object is kept, for it never changes. It must not know HTTP, nor who is asking: what a commit says
// is for whoever may read it.
package verify
