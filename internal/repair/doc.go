// Package repair makes whole what package fsck finds damaged, and says what stays lost. Derived things are made anew from
// those that they were derived from; objects come back from replicas, from what is left of them and from other objects that
// hold the same; what nobody has is given up only if the operator says so, and lifted when the bytes come after all.
//
// It may run beside a hub that serves, be killed at any step and be run again: each repair proves what it writes, replaces
// at once and whole, and finds done what is done. It deletes nothing. It must not know HTTP, nor how bytes are laid
// out: the stores mend their own.
package repair
