package fs

import (
	"io"
	"os"
	"sync"
	"time"
)

// Opening a file takes as long as reading 64 KiB of it. So the files of which short ranges are read stay open for a while,
// for whoever reads them next.
const (
	shortRead = 512 << 10
	openTime  = 5 * time.Second // what is deleted frees its room when the file is closed
	openMost  = 64
)

// openFiles are files that stay open. The zero value has none.
type openFiles struct {
	mu    sync.Mutex
	files map[string]*openFile // by path
}

type openFile struct {
	*os.File
	size  int64
	users int // and one for as long as it is among openFiles
}

// get is a file that is open, or nil. The caller releases it.
func (o *openFiles) get(path string) *openFile {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.files[path]
	if f != nil {
		f.users++
	}
	return f
}

// keep leaves a file open for others, unless there are enough. The caller releases it.
func (o *openFiles) keep(path string, file *os.File, size int64) *openFile {
	f := &openFile{File: file, size: size, users: 1}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files[path] != nil || len(o.files) >= openMost {
		return f
	}
	if o.files == nil {
		o.files = map[string]*openFile{}
	}
	f.users++
	o.files[path] = f
	time.AfterFunc(openTime, func() { o.drop(path, f) })
	return f
}

// drop has the next reader of a path open it. Nothing happens if the file there is not f, unless that is nil.
func (o *openFiles) drop(path string, f *openFile) {
	o.mu.Lock()
	there := o.files[path]
	if there == nil || f != nil && f != there {
		o.mu.Unlock()
		return
	}
	delete(o.files, path)
	o.mu.Unlock()
	_ = o.release(there)
}

// release closes a file after its last user.
func (o *openFiles) release(f *openFile) error {
	o.mu.Lock()
	f.users--
	last := f.users == 0
	o.mu.Unlock()
	if !last {
		return nil
	}
	return f.Close()
}

// shortRange reads a range of a file that others read, too.
type shortRange struct {
	from      *openFiles
	file      *openFile
	off, left int64
}

func (r *shortRange) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(p[:min(int64(len(p)), r.left)], r.off)
	r.off, r.left = r.off+int64(n), r.left-int64(n)
	if err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF // the file was cut behind our back
	}
	return n, err
}

func (r *shortRange) Close() error {
	f := r.file
	if f == nil {
		return os.ErrClosed
	}
	r.file = nil
	return r.from.release(f)
}
