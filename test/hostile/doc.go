// Package hostile attacks the real binary by way of git: packs made to cost more than they weigh, and names and objects
// made to run code. It measures the server and all the processes that it starts.
package hostile
