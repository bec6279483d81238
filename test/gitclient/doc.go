// Package gitclient drives the hub with real git and git-lfs, as their users do, on both kinds of storage.
package gitclient
