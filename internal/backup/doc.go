// Package backup copies a hub's storage: its rows as of one moment, and the objects that they name.
//
// Copies lie in a blob store of their own:
//
//	objects/<key>                 the hub's objects under their keys; immutable, so each travels once for all copies
//	catalogue/<id>/rows-00001 …   every row of every table, in a form that belongs to neither engine
//	catalogue/<id>/objects        the keys and sizes of the objects that these rows name, sorted
//	catalogue/<id>/manifest.json  what the copy consists of, with a hash of each piece
//	running/<id>                  somebody is writing or pruning; gone, or silent for a while, when they are not
//
// The manifest is written last, and a copy without a whole manifest is none. So a backup may be killed at any instant: the
// next one takes over the objects that came across.
//
// The hub writes the same catalogue, without objects, beside its own objects: with the two a lost database is made again.
//
// It knows tables only as the schema lists them, so that none can be forgotten, and objects only by the kinds that it is
// handed. It must not know what rows mean.
package backup
