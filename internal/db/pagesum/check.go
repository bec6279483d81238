package pagesum

import (
	"bytes"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

func read(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	rc := systemRead(tls, p, buf, n, off)
	f := of(p)
	switch {
	case rc != sqlite3.SQLITE_OK && rc != sqlite3.SQLITE_IOERR_SHORT_READ:
		return rc
	case f.isLog != 0:
		return f.checkFrame(tls, p, rc, span(buf, n), off)
	}
	return f.checkPage(tls, p, rc, span(buf, n), off)
}

// checkPage judges what was read from the database. rc says whether all of it was there.
//
// In WAL mode nobody writes a page of the database while another may read it: a checkpoint writes pages that the log holds for each reader
// that there is, and so each reads them from there. The exception are the header's first bytes, which SQLite reads without a lock
// when it opens a file, to look at them again with the first page.
func (f *file) checkPage(tls *libc.TLS, p uintptr, rc int32, page []byte, off int64) int32 {
	if f.learn(tls, p) != On || f.trust != 0 || off == 0 && len(page) == headerSize || off == 24 && len(page) == 16 {
		return rc
	}
	if rc != sqlite3.SQLITE_OK || len(page) != PageSize || off%PageSize != 0 || !sound(page, off) {
		return sqlite3.SQLITE_IOERR_DATA
	}
	return rc
}

// learn looks at the first page as long as it is not known whether pages have checksums. It does not check it: this may be while another
// process writes it.
func (f *file) learn(tls *libc.TLS, p uintptr) Sums {
	if f.sums != Unknown {
		return f.sums
	}
	buf := tls.Alloc(PageSize)
	defer tls.Free(PageSize)
	rc := systemRead(tls, p, buf, PageSize, 0)
	if rc == sqlite3.SQLITE_OK || rc == sqlite3.SQLITE_IOERR_SHORT_READ { // what is not there reads as zeros
		f.sums = Of(span(buf, PageSize))
	}
	return f.sums
}

// checkFrame judges a page that was read from the log. SQLite reads whole frames only to recover a log or to mend checksums, and judges
// those itself.
func (f *file) checkFrame(tls *libc.TLS, p uintptr, rc int32, page []byte, off int64) int32 {
	at, ok := frameOf(off)
	if len(page) != PageSize || !ok || f.open >= 0 && at >= f.open {
		return rc
	}
	before, header := f.scratch[:8], f.scratch[8:]
	if rc == sqlite3.SQLITE_OK {
		rc = systemRead(tls, p, address(&before[0]), int32(len(before)), sumBefore(at))
	}
	if rc == sqlite3.SQLITE_OK {
		rc = systemRead(tls, p, address(&header[0]), int32(len(header)), at)
	}
	if rc == sqlite3.SQLITE_IOERR_SHORT_READ || rc == sqlite3.SQLITE_OK && !soundFrame(before, header, page) {
		return sqlite3.SQLITE_IOERR_DATA
	}
	return rc
}

func write(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	f := of(p)
	if f.isLog != 0 {
		f.noteFrame(span(buf, n), off)
	} else if !f.sealPage(tls, p, span(buf, n), off) {
		return sqlite3.SQLITE_IOERR_WRITE
	}
	return systemWrite(tls, p, buf, n, off)
}

// sealPage puts the checksum into the reserved bytes of a page that is about to be written: SQLite keeps nothing there. It refuses
// to write a part of a page, which SQLite does not do to a database.
func (f *file) sealPage(tls *libc.TLS, p uintptr, page []byte, off int64) bool {
	if f.learn(tls, p) == Unknown && off == 0 {
		if f.sums = Of(page[:min(len(page), headerSize)]); f.sums == On && !sealEarlier(tls, p) {
			return false
		}
	}
	if f.sums != On {
		return true
	}
	if len(page) != PageSize || off%PageSize != 0 {
		return false
	}
	seal(page, off)
	return true
}

// sealEarlier seals what a new file holds before it has a first page: VACUUM INTO writes that last when the cache is too small for all.
func sealEarlier(tls *libc.TLS, p uintptr) bool {
	buf := tls.Alloc(PageSize)
	defer tls.Free(PageSize)
	for off := int64(PageSize); ; off += PageSize {
		switch rc := systemRead(tls, p, buf, PageSize, off); rc {
		case sqlite3.SQLITE_OK:
		case sqlite3.SQLITE_IOERR_SHORT_READ:
			return true // the end of the file
		default:
			return false
		}
		seal(span(buf, PageSize), off)
		if systemWrite(tls, p, buf, PageSize, off) != sqlite3.SQLITE_OK {
			return false
		}
	}
}

// noteFrame follows which frames have no checksum yet: SQLite leaves it out of the headers from the first page on that a transaction
// writes a second time, and of that page the header is not written again. At the end of the transaction all of these headers are written
// with their checksums, from the first on.
func (f *file) noteFrame(data []byte, off int64) {
	switch at, isPage := frameOf(off); {
	case off == 0:
		f.open, f.header = -1, -1
	case len(data) == frameHeaderSize && isFrame(off):
		f.header = off
		if bytes.Equal(data[8:], make([]byte, 16)) {
			f.leaveOpen(off)
		} else if off <= f.open {
			f.open = -1
		}
	case len(data) == PageSize && isPage:
		if at != f.header {
			f.leaveOpen(at)
		}
		f.header = -1
	}
}

func (f *file) leaveOpen(at int64) {
	if f.open < 0 || at < f.open {
		f.open = at
	}
}

func systemRead(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	p, m := system(p)
	return call[rwFunc](m.FxRead)(tls, p, buf, n, off)
}

func systemWrite(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	p, m := system(p)
	return call[rwFunc](m.FxWrite)(tls, p, buf, n, off)
}
