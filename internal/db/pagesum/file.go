package pagesum

import (
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// file is an open file in SQLite's memory; the system's own structure follows it. It is used by one connection, one call at a time.
type file struct {
	methods uintptr // must be first: what SQLite knows of a file
	isLog   int32
	sums    Sums  // of a database
	trust   int32 // pages are not looked at
	_       int32

	// Of a log: frames from here on have no checksum yet, since their transaction has written a page twice; none: -1. Such frames
	// are this connection's own and not committed.
	open int64
	// Of a log: the frame whose header was written last and whose page has to come next; none: -1.
	header int64

	scratch [8 + frameHeaderSize]byte
}

const fileSize = unsafe.Sizeof(file{}) // a multiple of 8

func of(p uintptr) *file { return (*file)(at(p)) }

// system is the file as the system's VFS knows it, and its methods.
func system(p uintptr) (uintptr, *sqlite3.Tsqlite3_io_methods) {
	p += fileSize
	return p, (*sqlite3.Tsqlite3_io_methods)(at((*sqlite3.Tsqlite3_file)(at(p)).FpMethods))
}

type (
	openFunc  = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	fileFunc  = func(*libc.TLS, uintptr) int32
	rwFunc    = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	int64Func = func(*libc.TLS, uintptr, int64) int32
	int32Func = func(*libc.TLS, uintptr, int32) int32
	ptrFunc   = func(*libc.TLS, uintptr, uintptr) int32
)

// open wraps databases and their logs. What else SQLite opens, journals and temporary files, is the system's alone.
func open(tls *libc.TLS, _, name, p uintptr, flags int32, out uintptr) int32 {
	call := call[openFunc](under.FxOpen)
	if flags&(sqlite3.SQLITE_OPEN_MAIN_DB|sqlite3.SQLITE_OPEN_WAL) == 0 {
		return call(tls, address(under), name, p, flags, out)
	}
	*of(p) = file{open: -1, header: -1}
	if flags&sqlite3.SQLITE_OPEN_WAL != 0 {
		of(p).isLog = 1
	}
	of(p).trust = sqlite3.Xsqlite3_uri_boolean(tls, name, trustParameter, 0)
	rc := call(tls, address(under), name, p+fileSize, flags, out)
	if (*sqlite3.Tsqlite3_file)(at(p+fileSize)).FpMethods != 0 { // then SQLite closes it, whatever rc says
		of(p).methods = address(&methods)
	}
	return rc
}

// fillMethods leaves out version 3, which is about files that are mapped: what is mapped cannot be looked at first.
func fillMethods() {
	methods = sqlite3.Tsqlite3_io_methods{
		FiVersion:               2,
		FxClose:                 function(closeFile),
		FxRead:                  function(read),
		FxWrite:                 function(write),
		FxTruncate:              function(truncate),
		FxSync:                  function(syncFile),
		FxFileSize:              function(size),
		FxLock:                  function(lock),
		FxUnlock:                function(unlock),
		FxCheckReservedLock:     function(checkReservedLock),
		FxFileControl:           function(fileControl),
		FxSectorSize:            function(sectorSize),
		FxDeviceCharacteristics: function(deviceCharacteristics),
		FxShmMap:                function(shmMap),
		FxShmLock:               function(shmLock),
		FxShmBarrier:            function(shmBarrier),
		FxShmUnmap:              function(shmUnmap),
	}
}

func closeFile(tls *libc.TLS, p uintptr) int32 {
	p, m := system(p)
	return call[fileFunc](m.FxClose)(tls, p)
}

func truncate(tls *libc.TLS, p uintptr, n int64) int32 {
	if f := of(p); f.isLog != 0 {
		f.open, f.header = -1, -1
	}
	p, m := system(p)
	return call[int64Func](m.FxTruncate)(tls, p, n)
}

func syncFile(tls *libc.TLS, p uintptr, flags int32) int32 {
	p, m := system(p)
	return call[int32Func](m.FxSync)(tls, p, flags)
}

func size(tls *libc.TLS, p, out uintptr) int32 {
	p, m := system(p)
	return call[ptrFunc](m.FxFileSize)(tls, p, out)
}

func lock(tls *libc.TLS, p uintptr, level int32) int32 {
	p, m := system(p)
	return call[int32Func](m.FxLock)(tls, p, level)
}

func unlock(tls *libc.TLS, p uintptr, level int32) int32 {
	p, m := system(p)
	return call[int32Func](m.FxUnlock)(tls, p, level)
}

func checkReservedLock(tls *libc.TLS, p, out uintptr) int32 {
	p, m := system(p)
	return call[ptrFunc](m.FxCheckReservedLock)(tls, p, out)
}

func fileControl(tls *libc.TLS, p uintptr, op int32, arg uintptr) int32 {
	p, m := system(p)
	return call[func(*libc.TLS, uintptr, int32, uintptr) int32](m.FxFileControl)(tls, p, op, arg)
}

func sectorSize(tls *libc.TLS, p uintptr) int32 {
	p, m := system(p)
	return call[fileFunc](m.FxSectorSize)(tls, p)
}

// deviceCharacteristics denies that a part of a page may be read by itself: it could not be checked.
func deviceCharacteristics(tls *libc.TLS, p uintptr) int32 {
	p, m := system(p)
	return call[fileFunc](m.FxDeviceCharacteristics)(tls, p) &^ sqlite3.SQLITE_IOCAP_SUBPAGE_READ
}

func shmMap(tls *libc.TLS, p uintptr, page, size, extend int32, out uintptr) int32 {
	p, m := system(p)
	return call[func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32](m.FxShmMap)(tls, p, page, size, extend, out)
}

func shmLock(tls *libc.TLS, p uintptr, offset, n, flags int32) int32 {
	p, m := system(p)
	return call[func(*libc.TLS, uintptr, int32, int32, int32) int32](m.FxShmLock)(tls, p, offset, n, flags)
}

func shmBarrier(tls *libc.TLS, p uintptr) {
	p, m := system(p)
	call[func(*libc.TLS, uintptr)](m.FxShmBarrier)(tls, p)
}

func shmUnmap(tls *libc.TLS, p uintptr, remove int32) int32 {
	p, m := system(p)
	return call[int32Func](m.FxShmUnmap)(tls, p, remove)
}
