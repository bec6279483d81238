package main

// goal is a ratio that a row of the hub's has to reach against a contestant, or a figure that it has to keep within.
type goal struct {
	what, against string
	ratio         float64
	within        float64 // if against is empty
}

var goals = []goal{
	{what: "download, 1 stream, warm", against: "nginx sendfile", ratio: 0.90},
	{what: "download, 1 stream: server's processor time", against: "nginx sendfile", ratio: 0.80},
	{what: "download, 1 stream, from the disk", against: "nginx sendfile", ratio: 1.0},
	{what: "download, 1 stream, from the disk", against: "limit: dd direct", ratio: 0.7},
	{what: "8 MiB ranges, 8 connections", against: "nginx sendfile", ratio: 0.95},
	{what: "64 KiB ranges, 32 connections", against: "nginx sendfile", ratio: 0.55},
	{what: "upload by LFS, durable", against: "nginx DAV, no hash", ratio: 2.0},
	{what: "upload by LFS, durable", against: "versitygw, no hash", ratio: 2.5},
	{what: "upload by LFS, durable", against: "limit: SHA-256, one core", ratio: 0.45},
	{what: "bytes sent for a byte changed", within: 1.3},
	{what: "HEAD resolve", against: "Go hello", ratio: 0.55},
	{what: "GET api/models/ID", against: "Go hello", ratio: 0.55},
	{what: "GET resolve, small file", against: "Go hello", ratio: 0.45},
	{what: "list 100000 files, pages of 1000", against: "git ls-tree -r -l", ratio: 0.40},
	{what: "list 10000 files, pages of 1000", against: "git ls-tree -r -l", ratio: 0.40},
	{what: "a page of 1000: p99", within: 10},
	{what: "commit of 1 files", against: "git add + commit", ratio: 5},
	{what: "commit of 1 files", against: "git fast-import", ratio: 2},
	{what: "commit of 1000 files", against: "git add + commit", ratio: 20},
	{what: "commit of 1000 files", against: "git fast-import", ratio: 1},
	{what: "commit of 10000 files", against: "git add + commit", ratio: 20},
	{what: "commit of 10000 files", against: "git fast-import", ratio: 1},
	{what: "clone", against: "git http-backend", ratio: 1.1},
	{what: "8 clones at once", against: "git http-backend", ratio: 1.5},
	{what: "push of the whole history", against: "git http-backend", ratio: 0.9},
	{what: "fetch of 100 commits", against: "git http-backend", ratio: 1.0},
	{what: "10 × ls-remote", against: "git http-backend", ratio: 1.2},
	{what: "start to first answer", within: 50},
	{what: "idle memory (PSS)", within: 35},
	{what: "small file, 100 clients", against: "Go hello", ratio: 0.45},
	{what: "small file, 500 clients", against: "Go hello", ratio: 0.45},
	{what: "small file, 1000 clients", against: "Go hello", ratio: 0.45},
	{what: "small file, 100 clients: p99", against: "Go hello", ratio: 0.45},
	{what: "small file, 500 clients: p99", against: "Go hello", ratio: 0.45},
	{what: "small file, 1000 clients: p99", against: "Go hello", ratio: 0.45},
}

// goalOf is the goal of a row against a contestant, 0 if there is none.
func goalOf(what, against string) float64 {
	for _, g := range goals {
		if g.what == what && g.against == against && against != "" {
			return g.ratio
		}
	}
	return 0
}

// boundOf is the figure that a row has to keep within, 0 if there is none.
func boundOf(what string) float64 {
	for _, g := range goals {
		if g.what == what && g.against == "" {
			return g.within
		}
	}
	return 0
}
