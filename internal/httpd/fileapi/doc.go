// Package fileapi is the door through which files are downloaded: HEAD and GET of resolve and raw, for models, datasets
// and Spaces. It knows headers, ranges and conditions; content knows what a file is.
package fileapi
