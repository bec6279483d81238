// Package secrets looks for secrets where they must not be: two hundred are planted through a hub's life, its failures
// included, and then searched for in everything that the hub has written or said. It must know only what secrets there
// are, not how they are kept.
package secrets
