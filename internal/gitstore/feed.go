package gitstore

import (
	"io"
	"sync"
)

// feed hands what is read from a stream on to a writer beside the reader, so that neither waits for the other but for
// feedAhead chunks. When the writer fails, so does the next Read.
type feed struct {
	src    io.Reader
	chunks chan []byte
	failed chan struct{} // closed when the writer takes nothing more
	err    error         // why; set before failed is closed
	done   sync.WaitGroup
}

const (
	feedChunk = 32 << 10
	feedAhead = 32
)

var feedChunks = sync.Pool{New: func() any { return make([]byte, feedChunk) }}

func newFeed(src io.Reader, dst io.Writer) *feed {
	f := &feed{src: src, chunks: make(chan []byte, feedAhead), failed: make(chan struct{})}
	f.done.Go(func() {
		for b := range f.chunks {
			if f.err == nil {
				if _, f.err = dst.Write(b); f.err != nil {
					close(f.failed)
				}
			}
			feedChunks.Put(b[:feedChunk]) //nolint:staticcheck // one header per 32 KiB
		}
	})
	return f
}

func (f *feed) Read(p []byte) (int, error) {
	n, err := f.src.Read(p[:min(len(p), feedChunk)])
	if n > 0 {
		b := feedChunks.Get().([]byte)
		select {
		case f.chunks <- b[:copy(b, p[:n])]:
		case <-f.failed:
			return 0, f.err
		}
	}
	return n, err
}

// close waits until the writer has what was read.
func (f *feed) close() {
	close(f.chunks)
	f.done.Wait()
}
