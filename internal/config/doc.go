// Package config is every setting of a hub in one struct: where it comes from, what it defaults to, what it means. It is
// the only reader of the environment and of the configuration file.
//
// A setting has one name everywhere: the flag --listen, the variable CAIRN_LISTEN and the key listen in the file. It must
// not know what the settings do.
package config
